/** Whether a token whose signature is right still counts. Source: Validate of pkg/serviceaccount/claims.go and legacy.go v1.36. */
import { type KubeObject, Node, notFound, Pod, Secret, ServiceAccount } from '#api';
import type { Resource } from '../registry/resource.ts';
import { splitServiceAccountName } from '../authn/service-account-user.ts';
import type { Claims, Reference } from './claims.ts';

/** Clocks may differ by this. Source: jwt.DefaultLeeway of go-jose. */
const LEEWAY_S = 60;
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';
const INVALIDATED = 'service account token has been invalidated';

export interface ValidationContext {
  readonly resource: (kind: typeof Pod | typeof Secret | typeof Node | typeof ServiceAccount) => Resource;
  readonly nowMs: number;
  /** As it was sent: a secret must hold the same. */
  readonly token: string;
  /** Told of each use of a token that a secret holds. */
  readonly noteUse: (secret: Secret) => void;
}

/** Throws upstream's words when the token no longer counts. */
export function validateBound(claims: Claims, context: ValidationContext): void {
  checkTimes(claims, context.nowMs / 1000);
  const { namespace = '', serviceaccount, secret, pod, node } = claims['kubernetes.io'] ?? {};
  checkAccount(serviceaccount ?? { name: '' }, namespace, context);
  if (secret !== undefined) checkBound(Secret, 'secret', namespace, secret, context);
  if (pod !== undefined) checkBound(Pod, 'pod', namespace, pod, context);
  // A pod stands for its node: with it the node is only told of.
  else if (node !== undefined) checkBound(Node, 'node', '', node, context);
}

function checkTimes({ exp, nbf, iat }: Claims, nowS: number): void {
  if (nbf !== undefined && nowS + LEEWAY_S < nbf) throw new Error('service account token is not valid yet');
  if (exp !== undefined && nowS - LEEWAY_S > exp) throw new Error('service account token has expired');
  if (iat !== undefined && nowS + LEEWAY_S < iat) throw new Error('service account token is issued in the future');
}

/** Deleted some time ago, and still there only because something holds it. */
const isGone = ({ metadata: { deletionTimestamp } }: KubeObject, nowMs: number): boolean =>
  deletionTimestamp !== undefined && Date.parse(deletionTimestamp) < nowMs - LEEWAY_S * 1000;

function checkAccount({ name, uid = '' }: Reference, namespace: string, context: ValidationContext): void {
  const account = context.resource(ServiceAccount).get(namespace, name)?.object;
  if (account === undefined) throw notFound(ServiceAccount, name);
  if (isGone(account, context.nowMs)) throw new Error(`service account ${namespace}/${name} has been deleted`);
  if (account.metadata.uid !== uid)
    throw new Error(`service account UID (${account.metadata.uid}) does not match claim (${uid})`);
}

function checkBound(
  kind: typeof Pod | typeof Secret | typeof Node,
  word: string,
  namespace: string,
  { name, uid = '' }: Reference,
  { resource, nowMs }: ValidationContext,
): void {
  const object = resource(kind).get(namespace, name)?.object;
  if (object === undefined || isGone(object, nowMs)) throw new Error(INVALIDATED);
  const title = word === 'secret' ? 'secret UID' : `${word} UID`;
  if (object.metadata.uid !== uid)
    throw new Error(`${title} (${object.metadata.uid}) does not match service account ${word} ref claim (${uid})`);
}

/** Throws upstream's words when the token of a secret no longer counts. */
export function validateLegacy(claims: Claims, context: ValidationContext): void {
  const required = (value: string | undefined, name: string): string => {
    if (value === undefined || value === '') throw new Error(`${name} claim is missing`);
    return value;
  };
  const subject = required(claims.sub, 'sub');
  const namespace = required(claims['kubernetes.io/serviceaccount/namespace'], 'namespace');
  const secretName = required(claims['kubernetes.io/serviceaccount/secret.name'], 'secretName');
  const name = required(claims['kubernetes.io/serviceaccount/service-account.name'], 'serviceAccountName');
  const uid = required(claims['kubernetes.io/serviceaccount/service-account.uid'], 'serviceAccountUID');
  const owner = splitServiceAccountName(subject);
  if (owner?.namespace !== namespace || owner.name !== name) throw new Error('sub claim is invalid');

  const secret: Secret | undefined = context.resource(Secret).get(namespace, secretName)?.object;
  if (secret === undefined || secret.metadata.deletionTimestamp !== undefined)
    throw new Error('Token has been invalidated');
  if (Buffer.from(secret.data?.['token'] ?? '', 'base64').toString('latin1') !== context.token)
    throw new Error("Token does not match server's copy");

  const account = context.resource(ServiceAccount).get(namespace, name)?.object;
  if (account === undefined) throw notFound(ServiceAccount, name);
  if (account.metadata.deletionTimestamp !== undefined)
    throw new Error(`ServiceAccount ${namespace}/${name} has been deleted`);
  if (account.metadata.uid !== uid)
    throw new Error(`ServiceAccount UID (${account.metadata.uid}) does not match claim (${uid})`);
  context.noteUse(secret);
  if ((secret.metadata.labels?.[INVALID_SINCE] ?? '') !== '')
    throw new Error(
      `the token in secret ${namespace}/${secretName} for service account ${namespace}/${name} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${INVALID_SINCE}' label from the secret to temporarily allow use of this token`,
    );
}
