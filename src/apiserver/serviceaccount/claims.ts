/** What stands in tokens of service accounts. Source: pkg/serviceaccount/claims.go, legacy.go v1.36. */
import type { KubeObject } from '#api';
import { serviceAccountName } from '../authn/service-account-user.ts';

/** Issuer of kubeadm's clusters; also the audience of the API server. */
export const ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** Issuer of tokens in secrets, which do not end. */
export const LEGACY_ISSUER = 'kubernetes/serviceaccount';

export interface Reference {
  readonly name: string;
  readonly uid?: string;
}

interface KubernetesClaims {
  readonly namespace?: string;
  readonly serviceaccount?: Reference;
  readonly pod?: Reference;
  readonly secret?: Reference;
  readonly node?: Reference;
  readonly warnafter?: number;
}

/** Times in seconds since the epoch. */
export interface Claims {
  readonly iss: string;
  readonly sub?: string;
  readonly aud?: readonly string[];
  readonly exp?: number;
  readonly iat?: number;
  readonly nbf?: number;
  readonly jti?: string;
  readonly 'kubernetes.io'?: KubernetesClaims;
  readonly 'kubernetes.io/serviceaccount/namespace'?: string;
  readonly 'kubernetes.io/serviceaccount/secret.name'?: string;
  readonly 'kubernetes.io/serviceaccount/service-account.name'?: string;
  readonly 'kubernetes.io/serviceaccount/service-account.uid'?: string;
}

export interface BoundObjects {
  readonly pod?: KubeObject | undefined;
  readonly secret?: KubeObject | undefined;
  /** Of a pod's node that is not there only the name is known. */
  readonly node?: { readonly metadata: { readonly name: string; readonly uid?: string } } | undefined;
}

const reference = ({ metadata }: { metadata: { name: string; uid?: string } }): Reference => ({
  name: metadata.name,
  ...(metadata.uid === undefined || metadata.uid === '' ? {} : { uid: metadata.uid }),
});

/** Members in the order in which Go writes them. */
export function boundClaims(
  account: KubeObject,
  { pod, secret, node }: BoundObjects,
  times: { readonly nowS: number; readonly expirationS: number; readonly warnAfterS: number },
  { audiences, id }: { readonly audiences: readonly string[]; readonly id: string },
): Claims {
  const { namespace = '', name } = account.metadata;
  const { nowS, expirationS, warnAfterS } = times;
  return {
    aud: audiences,
    exp: nowS + expirationS,
    iat: nowS,
    iss: ISSUER,
    jti: id,
    'kubernetes.io': {
      namespace,
      ...(node === undefined ? {} : { node: reference(node) }),
      ...(pod === undefined ? {} : { pod: reference(pod) }),
      ...(secret === undefined ? {} : { secret: reference(secret) }),
      serviceaccount: reference(account),
      ...(warnAfterS === 0 ? {} : { warnafter: nowS + warnAfterS }),
    },
    nbf: nowS,
    sub: serviceAccountName(namespace, name),
  };
}

/** Of the token that a secret holds. */
export const legacyClaims = (
  { metadata: { namespace, name, uid } }: { readonly metadata: { namespace: string; name: string; uid: string } },
  secretName: string,
): Claims => ({
  iss: LEGACY_ISSUER,
  'kubernetes.io/serviceaccount/namespace': namespace,
  'kubernetes.io/serviceaccount/secret.name': secretName,
  'kubernetes.io/serviceaccount/service-account.name': name,
  'kubernetes.io/serviceaccount/service-account.uid': uid,
  sub: serviceAccountName(namespace, name),
});
