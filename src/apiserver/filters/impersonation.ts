/**
 * Acting as somebody else. Source: apiserver pkg/endpoints/filters/impersonation v1.36 with the gate ConstrainedImpersonation on, as it is by default:
 * besides the verb `impersonate`, verbs that say as whom and for what are asked for first. Decisions are not cached here: those of authorizers are.
 */
import { badRequest, StatusError } from '#api';
import type { UserInfo } from '../admission/admission.ts';
import { splitServiceAccountName, serviceAccountGroups } from '../authn/service-account-user.ts';
import { type AuthorizationAttributes, authorizationAttributes, type Authorizer, forbidden } from '../authz/authz.ts';
import { type Filter, type HttpRequest, type RequestContext, whenThere, withHeaders } from '../http/context.ts';

const PREFIX = 'impersonate-';
const USER = 'impersonate-user';
const GROUP = 'impersonate-group';
const UID = 'impersonate-uid';
const EXTRA = 'impersonate-extra-';
const AUTHENTICATION = 'authentication.k8s.io';
const ANONYMOUS = 'system:anonymous';
const UNAUTHENTICATED = 'system:unauthenticated';
const NODE = 'system:node:';
const NODE_NAME_KEY = 'authentication.kubernetes.io/node-name';
/** So many values are first asked for at once. */
const MANY = 4;

type Wanted = UserInfo & { readonly uid: string; readonly extra: Readonly<Record<string, readonly string[]>> };

export const withImpersonation =
  (authorizer: Authorizer): Filter =>
  (next) =>
  (context) => {
    const wanted = wantedUser(context.request);
    return wanted === undefined ? next(context) : whenThere(actAs(authorizer, wanted, context), () => next(context));
  };

async function actAs(authorizer: Authorizer, wanted: Wanted, context: RequestContext): Promise<void> {
  const attributes = authorizationAttributes(context.user, context.info);
  const requestor = context.user.name;
  context.user = await impersonated(authorizer, wanted, attributes);
  context.request = withHeaders(context.request, cleaned(context.request));
  context.log.debug('Impersonation', { user: requestor, as: context.user.name });
}

const isImpersonation = (header: string): boolean =>
  header === USER || header === GROUP || header === UID || header.startsWith(EXTRA);

const cleaned = ({ headers }: HttpRequest): HttpRequest['headers'] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !isImpersonation(name)));

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key; // kept as it is, as upstream does
  }
}

function wantedUser(request: HttpRequest): Wanted | undefined {
  const { headers } = request;
  const names: string[] = [];
  for (const name in headers) if (name.startsWith(PREFIX) && isImpersonation(name)) names.push(name);
  if (names.length === 0) return undefined;
  const values = new Map<string, string[]>();
  for (const name of names) {
    if (!name.startsWith(EXTRA)) continue;
    const key = unescaped(name.slice(EXTRA.length));
    values.set(key, [...(values.get(key) ?? []), ...request.values(name)]);
  }
  // Whatever their names: `fromEntries` makes a property of `__proto__` too.
  const extra: Wanted['extra'] = Object.fromEntries(values);
  const wanted = { name: headers[USER] ?? '', uid: headers[UID] ?? '', groups: request.values(GROUP), extra };
  if (wanted.name === '') {
    if (wanted.uid === '' && wanted.groups.length === 0 && Object.keys(extra).length === 0) return undefined;
    throw badRequest(`requested ${goText(wanted)} without impersonating a user name`);
  }
  return wanted;
}

/** As Go's %#v prints a user. */
function goText({ name, uid, groups, extra }: Wanted): string {
  const list = (values: readonly string[]): string => `[]string{${values.map((v) => JSON.stringify(v)).join(', ')}}`;
  const entries = Object.entries(extra).map(([key, values]) => `${JSON.stringify(key)}:${list(values)}`);
  const groupsText = groups.length === 0 ? '[]string(nil)' : list(groups);
  const extraText = entries.length === 0 ? 'map[string][]string(nil)' : `map[string][]string{${entries.join(', ')}}`;
  return `&user.DefaultInfo{Name:${JSON.stringify(name)}, UID:${JSON.stringify(uid)}, Groups:${groupsText}, Extra:${extraText}}`;
}

/** One way to act as somebody; `on`: whether the request itself is asked for, too. */
interface Mode {
  readonly name: string;
  applies(wanted: Wanted, requestor: UserInfo): boolean;
}

const onlyName = ({ uid, groups, extra }: Wanted): boolean =>
  uid === '' && groups.length === 0 && Object.keys(extra).length === 0;
const isNode = (name: string): boolean => name.startsWith(NODE) && name.length > NODE.length;
const isAccount = (name: string): boolean => splitServiceAccountName(name) !== undefined;

/** In the order in which upstream tries them. */
const MODES: readonly Mode[] = [
  {
    name: 'associated-node',
    applies: (wanted, requestor) =>
      onlyName(wanted) &&
      isNode(wanted.name) &&
      isAccount(requestor.name) &&
      requestor.extra?.[NODE_NAME_KEY]?.[0] === wanted.name.slice(NODE.length),
  },
  { name: 'arbitrary-node', applies: (wanted) => onlyName(wanted) && isNode(wanted.name) },
  { name: 'serviceaccount', applies: (wanted) => onlyName(wanted) && isAccount(wanted.name) },
  { name: 'user-info', applies: ({ name }) => !isNode(name) && !isAccount(name) },
];

/** Throws the refusal of the first way that would have been one. */
async function impersonated(
  authorizer: Authorizer,
  wanted: Wanted,
  attributes: AuthorizationAttributes,
): Promise<UserInfo> {
  let refusal: unknown;
  for (const mode of [...MODES, undefined]) {
    if (mode !== undefined && !mode.applies(wanted, attributes.user)) continue;
    try {
      if (mode !== undefined)
        await check(authorizer, { ...attributes, verb: `impersonate-on:${mode.name}:${attributes.verb}` });
      return await asWanted(authorizer, wanted, attributes.user, mode);
    } catch (error) {
      if (!StatusError.is(error, 'Forbidden')) throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}

async function check(authorizer: Authorizer, attributes: AuthorizationAttributes): Promise<void> {
  const { allowed, reason } = await authorizer.authorize(attributes);
  if (!allowed) throw forbidden(attributes, reason);
}

/** Asks for each part of the user; without a mode by the verb `impersonate` alone. */
async function asWanted(
  authorizer: Authorizer,
  wanted: Wanted,
  requestor: UserInfo,
  mode: Mode | undefined,
): Promise<UserInfo> {
  const verb = mode === undefined ? 'impersonate' : `impersonate:${mode.name}`;
  const part = (
    resource: string,
    name: string,
    more: Partial<AuthorizationAttributes> = {},
  ): AuthorizationAttributes => ({
    user: requestor,
    verb,
    isResourceRequest: true,
    path: '',
    group: AUTHENTICATION,
    version: 'v1',
    resource,
    subresource: '',
    namespace: '',
    name,
    ...more,
  });
  // Users and groups are of the core group where no mode is asked for.
  const own = mode === undefined ? { group: '', version: 'v1' } : {};
  const account = splitServiceAccountName(wanted.name);
  let groups = wanted.groups;
  if (account !== undefined) {
    if (groups.length === 0) groups = serviceAccountGroups(account.namespace);
    await check(authorizer, part('serviceaccounts', account.name, { ...own, namespace: account.namespace }));
  } else if (mode !== undefined && isNode(wanted.name)) {
    groups = ['system:nodes'];
    const name = mode.name === 'associated-node' ? '*' : wanted.name.slice(NODE.length);
    await check(authorizer, part('nodes', name));
  } else await check(authorizer, part('users', wanted.name, own));
  if (wanted.uid !== '') await check(authorizer, part('uids', wanted.uid));
  await checkGroups(authorizer, wanted.groups, (name) => part('groups', name, own), mode);
  await checkExtra(authorizer, wanted.extra, (key, value) => part('userextras', value, { subresource: key }), mode);
  return { ...wanted, groups: completed(wanted.name, groups) };
}

function completed(name: string, groups: readonly string[]): readonly string[] {
  const group = name === ANONYMOUS || groups.includes(UNAUTHENTICATED) ? UNAUTHENTICATED : 'system:authenticated';
  return groups.includes(group) ? groups : [...groups, group];
}

async function allowedAtOnce(authorizer: Authorizer, attributes: AuthorizationAttributes): Promise<boolean> {
  return (await authorizer.authorize(attributes)).allowed;
}

async function checkGroups(
  authorizer: Authorizer,
  groups: readonly string[],
  part: (name: string) => AuthorizationAttributes,
  mode: Mode | undefined,
): Promise<void> {
  if (mode !== undefined) {
    if (groups.includes('')) throw forbidden(part(''), 'impersonating the empty string group is not allowed');
    const masters = 'system:masters';
    if (groups.includes(masters))
      throw forbidden(part(masters), 'impersonating the system:masters group is not allowed');
    if (groups.length >= MANY && (await allowedAtOnce(authorizer, part('*')))) return;
  }
  for (const group of groups) await check(authorizer, part(group));
}

async function checkExtra(
  authorizer: Authorizer,
  extra: Wanted['extra'],
  part: (key: string, value: string) => AuthorizationAttributes,
  mode: Mode | undefined,
): Promise<void> {
  const pairs = Object.entries(extra).flatMap(([key, values]) => values.map((value) => [key, value] as const));
  if (mode !== undefined) {
    for (const [key, value] of pairs) {
      if (key === '') throw forbidden(part('', ''), 'impersonating the empty string key in extra is not allowed');
      if (value === '') throw forbidden(part('', ''), 'impersonating the empty string value in extra is not allowed');
    }
    if (pairs.length >= MANY && (await allowedAtOnce(authorizer, part('*', '*')))) return;
  }
  for (const [key, value] of pairs) await check(authorizer, part(key, value));
}
