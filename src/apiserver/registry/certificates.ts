import type { CertificateSigningRequest } from '#api';
import type { ResourceHooks } from './scope.ts';

/**
 * Who asks for a certificate is who sent the request, whatever the body says: signers rely on it.
 * Source: PrepareForCreate in pkg/registry/certificates/certificates/strategy.go v1.36.
 */
export const certificateHooks: ResourceHooks = {
  beginCreate(object, { user: { name, uid, groups, extra } }) {
    const { spec } = object as CertificateSigningRequest;
    spec.username = name;
    spec.groups = [...groups];
    if (uid === undefined || uid === '') delete spec.uid;
    else spec.uid = uid;
    if (extra === undefined) delete spec.extra;
    else spec.extra = Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
    return undefined;
  },
};
