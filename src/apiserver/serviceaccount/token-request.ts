/** The subresource serviceaccounts/token. Source: TokenREST in pkg/registry/core/serviceaccount/storage/token.go v1.36. */
import {
  badRequest,
  conflict,
  type FieldError,
  formatTime,
  invalid,
  invalidObject,
  type Kind,
  type KubeObject,
  Node,
  notFound,
  Pod,
  Secret,
  type TokenRequest,
} from '#api';
import type { ApiCall, Outcome } from '../handlers/call.ts';
import { type VerbEnvironment, writeScope } from '../handlers/options.ts';
import { type BoundObjects, boundClaims, type Claims } from './claims.ts';

/** What signs tokens, and for whom by default. */
export interface TokenIssuer {
  readonly apiAudiences: readonly string[];
  sign(claims: Claims): Promise<string>;
}

const TOKEN_REQUEST = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  definition: 'authentication.v1.TokenRequest',
} as const;

/** Source: SetDefaults_TokenRequestSpec; MinTokenAgeSec of pkg/apis/authentication/validation v1.36. */
const DEFAULT_EXPIRATION_S = 3600;
const MIN_EXPIRATION_S = 600;
const MAX_EXPIRATION_S = 2 ** 32;
/** What the admission plugin asks for in every pod: such a token counts for a year, so that programs that never read it again go on working. */
const WARN_ONLY_S = 3607;
const EXTENDED_S = 365 * 24 * 3600;

export async function requestToken(env: VerbEnvironment, call: ApiCall): Promise<Outcome> {
  const { resource, namespace, name } = call;
  writeScope(call);
  const body = (await call.body(TOKEN_REQUEST)) as TokenRequest | undefined;
  if (body === undefined) throw badRequest('unable to decode an empty body as TokenRequest');
  checkPlace(body.metadata, namespace, name);
  const account = resource.get(namespace, name)?.object;
  if (account === undefined) throw notFound(resource.kind, name);
  checkUid(body.metadata.uid, account.metadata.uid, name);
  const { tokens, clock, newUid } = env;
  const { boundObjectRef, audiences: wanted = [], expirationSeconds = DEFAULT_EXPIRATION_S } = body.spec;
  const audiences = wanted.length > 0 ? wanted : [...tokens.apiAudiences];
  const nowMs = clock.now();
  checkExpiration(expirationSeconds);
  const bound = boundObjectRef === undefined ? {} : boundObjects(env, call, boundObjectRef);

  const lasts =
    bound.pod !== undefined &&
    expirationSeconds === WARN_ONLY_S &&
    audiences.every((audience) => tokens.apiAudiences.includes(audience));
  const times = {
    nowS: Math.floor(nowMs / 1000),
    expirationS: lasts ? EXTENDED_S : expirationSeconds,
    warnAfterS: lasts ? expirationSeconds : 0,
  };
  const token = await tokens.sign(boundClaims(account, bound, times, { audiences, id: newUid() }));
  const object: TokenRequest = {
    kind: TOKEN_REQUEST.kind,
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { ...body.metadata, name, namespace, uid: account.metadata.uid, creationTimestamp: formatTime(nowMs) },
    spec: { ...body.spec, audiences, expirationSeconds },
    status: { token, expirationTimestamp: formatTime(nowMs + expirationSeconds * 1000) },
  };
  return { type: 'object', object, definition: TOKEN_REQUEST.definition, status: 201 };
}

const refused = (name: string, errors: readonly FieldError[]): Error => invalidObject(TOKEN_REQUEST, name, errors);

/** Name and namespace may be left out of the body. */
function checkPlace(metadata: Partial<KubeObject['metadata']>, namespace: string, name: string): void {
  const { name: ownName = '', namespace: ownNamespace = '' } = metadata;
  if (ownName !== '' && ownName !== name)
    throw refused(name, [invalid('metadata.name', ownName, 'must match the service account name if specified')]);
  if (ownNamespace !== '' && ownNamespace !== namespace)
    throw refused(name, [
      invalid('metadata.namespace', ownNamespace, 'must match the service account namespace if specified'),
    ]);
}

/** Whoever asks for the token of an account that was made anew is told so. */
function checkUid(asked = '', uid: string, name: string): void {
  if (asked === '' || asked === uid) return;
  const why = `the UID in the token request (${asked}) does not match the UID of the service account (${uid})`;
  throw conflict({ group: TOKEN_REQUEST.group, plural: TOKEN_REQUEST.kind }, name, why);
}

function checkExpiration(seconds: number): void {
  const wrong = (why: string): Error => refused('', [invalid('spec.expirationSeconds', seconds, why)]);
  if (seconds < MIN_EXPIRATION_S) throw wrong('may not specify a duration less than 10 minutes');
  if (seconds > MAX_EXPIRATION_S) throw wrong('may not specify a duration larger than 2^32 seconds');
}

function boundObjects(
  env: VerbEnvironment,
  { namespace, name: account }: ApiCall,
  { apiVersion = '', kind = '', name = '', uid = '' }: NonNullable<TokenRequest['spec']['boundObjectRef']>,
): BoundObjects {
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  const get = (of: Kind, ns: string): KubeObject => {
    const object = env.resource(of).get(ns, name)?.object;
    if (object === undefined) throw notFound(of, name);
    if (uid !== '' && object.metadata.uid !== uid)
      throw conflict(
        { group, plural: kind },
        name,
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    return object;
  };
  switch (group === '' ? kind : '') {
    case 'Pod': {
      const found = env.resource(Pod).get(namespace, name)?.object as Pod | undefined;
      if (found !== undefined && found.spec.serviceAccountName !== account)
        throw badRequest(
          `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
        );
      const pod = get(Pod, namespace) as Pod;
      const { nodeName = '' } = pod.spec;
      if (nodeName === '') return { pod };
      return { pod, node: env.resource(Node).get('', nodeName)?.object ?? { metadata: { name: nodeName } } };
    }
    case 'Secret':
      return { secret: get(Secret, namespace) };
    case 'Node':
      return { node: get(Node, '') };
    default:
      throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
}
