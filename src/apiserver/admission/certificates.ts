/** Who may approve and sign requests for certificates, and what nobody may ask for. Source: plugin/pkg/admission/certificates v1.36. */
import { type CertificateSigningRequest, equalValues, forbidden, parseCertificateRequest } from '#api';
import { messageOf } from '#util';
import type { Authorizer } from '../authz/authz.ts';
import type { AdmissionAttributes, AdmissionPlugin, UserInfo } from './admission.ts';

const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';

const isRequest = ({ kind }: AdmissionAttributes): boolean =>
  kind.plural === 'certificatesigningrequests' && kind.group === 'certificates.k8s.io';

/** Whether somebody may do so for the signer, or for all of its domain. Source: IsAuthorizedForSignerName of pkg/certauthorization v1.36. */
async function mayFor(authorizer: Authorizer, user: UserInfo, verb: string, signerName: string): Promise<boolean> {
  for (const name of [signerName, `${signerName.split('/')[0]}/*`]) {
    const attributes = {
      user,
      verb,
      isResourceRequest: true,
      path: '',
      group: 'certificates.k8s.io',
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
    };
    const { allowed } = await authorizer.authorize(attributes);
    if (allowed) return true;
  }
  return false;
}

export const certificateApproval = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateApproval',
  async validate(attributes) {
    const { kind, name, operation, subresource, oldObject, user } = attributes;
    if (operation !== 'UPDATE' || subresource !== 'approval' || !isRequest(attributes)) return;
    const { signerName } = (oldObject as CertificateSigningRequest).spec;
    if (await mayFor(authorizer, user, 'approve', signerName)) return;
    throw forbidden(kind, name, `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`);
  },
});

export const certificateSigning = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateSigning',
  async validate(attributes) {
    const { kind, name, operation, subresource, object, oldObject, user } = attributes;
    if (operation !== 'UPDATE' || subresource !== 'status' || !isRequest(attributes)) return;
    const { spec, status } = oldObject as CertificateSigningRequest;
    const next = (object as CertificateSigningRequest).status;
    const isSame =
      (next.certificate ?? '') === (status.certificate ?? '') &&
      equalValues(next.conditions ?? [], status.conditions ?? []);
    if (isSame || (await mayFor(authorizer, user, 'sign', spec.signerName))) return;
    throw forbidden(
      kind,
      name,
      `user not permitted to sign requests with signerName ${JSON.stringify(spec.signerName)}`,
    );
  },
});

/** Nobody becomes an administrator for good by a certificate of this signer. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  validate(attributes) {
    const { kind, name, operation, subresource, object } = attributes;
    if (operation !== 'CREATE' || subresource !== '' || !isRequest(attributes)) return;
    const { signerName, request } = (object as CertificateSigningRequest).spec;
    if (signerName !== CLIENT_SIGNER || !organizationsOf(attributes, request).includes('system:masters')) return;
    throw forbidden(kind, name, `use of ${CLIENT_SIGNER} signer with system:masters group is not allowed`);
  },
};

function organizationsOf({ kind, name }: AdmissionAttributes, request: string): readonly string[] {
  try {
    return parseCertificateRequest(request).organizations;
  } catch (error) {
    throw forbidden(kind, name, `failed to parse CSR: ${messageOf(error)}`);
  }
}
