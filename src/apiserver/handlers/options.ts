import {
  badRequest,
  defaultFieldManager,
  type FieldError,
  forbiddenField,
  invalidObject,
  type Kind,
  notSupported,
  required,
  StatusError,
  validateFieldManager,
} from '#api';
import type { Store } from '#store';
import type { StorageMetrics } from '../metrics/storage.ts';
import type { WatchMetrics } from '../metrics/watch.ts';
import type { Resource } from '../registry/resource.ts';
import { isTrue } from '../http/request-info.ts';
import type { ListRequest } from '../registry/list.ts';
import type { FanOut } from '../watchcache/fan-out.ts';
import type { RegistryEnvironment, WriteScope } from '../registry/scope.ts';
import type { Authorizer } from '../authz/authz.ts';
import type { FieldManagers } from '../fields/managers.ts';
import type { TokenIssuer } from '../serviceaccount/token-request.ts';
import type { ApiCall } from './call.ts';
import { APPLY } from './patch.ts';

export interface VerbEnvironment extends RegistryEnvironment {
  readonly store: Store;
  /** Where watches over connections write what they have gathered. */
  readonly fanOut: FanOut;
  readonly watchMetrics: WatchMetrics;
  readonly storageMetrics: StorageMetrics;
  readonly authorizer: Authorizer;
  readonly fields: FieldManagers;
  readonly tokens: TokenIssuer;
  /** The storage of another kind that a verb has to look at. */
  readonly resource: (kind: Kind) => Resource;
}

/** What the query says of a write, beside what the registry has to know. */
export interface CallScope extends WriteScope {
  /** Of the parameter, or what the client calls itself. */
  readonly fieldManager: string;
  readonly force: boolean;
  readonly fieldValidation: string;
}

/** Texts of these two: NewGenericServerResponse of apimachinery pkg/api/errors v0.36. */
export const methodNotAllowed = (): StatusError =>
  new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  });

export const notFoundPath = (): StatusError =>
  new StatusError('NotFound', 'the server could not find the requested resource', { details: {} });

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** Reads a whole number as Go's ParseInt does. */
export function parseInteger(text: string): bigint {
  const wrong = (why: string): StatusError => badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
  if (!/^[+-]?\d+$/.test(text)) throw wrong('invalid syntax');
  // A long one would take long to read; its leading zeros count for nothing.
  if (text.replace(/^[+-]?0*/, '').length > 19) throw wrong('value out of range');
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  if (value < INT64.min || value > INT64.max) throw wrong('value out of range');
  return value;
}

/** A whole number of the query; 0 when it is absent. */
export function integerQuery(query: ApiCall['query'], name: string): number {
  const text = query(name);
  return text === undefined || text === '' ? 0 : Number(parseInteger(text));
}

export const listRequest = ({ query }: Pick<ApiCall, 'query'>): ListRequest => ({
  labelSelector: query('labelSelector'),
  fieldSelector: query('fieldSelector'),
  limit: integerQuery(query, 'limit'),
  continue: query('continue'),
  resourceVersion: query('resourceVersion'),
  resourceVersionMatch: query('resourceVersionMatch'),
  sendInitialEvents: query('sendInitialEvents') === undefined ? undefined : isTrue(query('sendInitialEvents')),
});

const OPTIONS_KINDS: Readonly<Record<string, string>> = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
  deletecollection: 'DeleteOptions',
};

const FIELD_VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'];

/** What the query says of a write. Source of the rules: ValidateCreateOptions and its like, apimachinery pkg/apis/meta/v1/validation v0.36. */
export function writeScope(call: Omit<ApiCall, 'resource'>): CallScope {
  const { query, user, warn, signal, verb } = call;
  const dryRun = query('dryRun');
  const fieldManager = query('fieldManager') ?? '';
  const force = verb === 'patch' ? query('force') : undefined;
  const fieldValidation = query('fieldValidation') ?? '';
  const errors: FieldError[] = [];
  if (call.patchType === APPLY) {
    if (fieldManager === '') errors.push(required('fieldManager', 'is required for apply patch'));
  } else if (force !== undefined) errors.push(forbiddenField('force', 'may not be specified for non-apply patch'));
  errors.push(...validateFieldManager(fieldManager, 'fieldManager'));
  errors.push(...dryRunErrors(dryRun));
  if (!FIELD_VALIDATIONS.includes(fieldValidation))
    errors.push(notSupported('fieldValidation', fieldValidation, FIELD_VALIDATIONS));
  if (errors.length > 0)
    throw invalidObject({ group: 'meta.k8s.io', kind: OPTIONS_KINDS[verb] ?? 'CreateOptions' }, '', errors);
  return {
    user,
    dryRun: isDryRun(dryRun),
    fieldManager: defaultFieldManager(fieldManager, call.userAgent),
    force: isTrue(force),
    fieldValidation,
    warn,
    signal,
    load: call.load,
  };
}

const isDryRun = (value: string | undefined): boolean => value !== undefined && value !== '';

/** Source: metav1 validation.ValidateDryRun v0.36. */
const dryRunErrors = (value: string | undefined): FieldError[] =>
  !isDryRun(value) || value === 'All' ? [] : [notSupported('dryRun', [value], ['All'])];

/** Adds what DeleteOptions say of a dry run to what the query says. */
export function withDryRun(scope: WriteScope, values: readonly string[] | undefined): WriteScope {
  const errors = (values ?? []).flatMap((value) => dryRunErrors(value));
  if (errors.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors);
  return { ...scope, dryRun: scope.dryRun || isDryRun(values?.[0]) };
}
