import {
  badRequest,
  type FieldError,
  invalid,
  invalidObject,
  notSupported,
  StatusError,
  tooLong,
  type Kind,
} from '#api';
import type { Store } from '#store';
import type { Resource } from '../registry/resource.ts';
import { isTrue } from '../http/request-info.ts';
import type { ListRequest } from '../registry/list.ts';
import type { RegistryEnvironment, WriteScope } from '../registry/scope.ts';
import type { ApiCall } from './call.ts';

export interface VerbEnvironment extends RegistryEnvironment {
  readonly store: Store;
  /** The storage of another kind that a verb has to look at. */
  readonly resource: (kind: Kind) => Resource;
}

/** Texts of these two: NewGenericServerResponse of apimachinery pkg/api/errors v0.36. */
export const methodNotAllowed = (): StatusError =>
  new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  });

export const notFoundPath = (): StatusError =>
  new StatusError('NotFound', 'the server could not find the requested resource', { details: {} });

/** A whole number of the query as Go's ParseInt reads it; 0 when it is absent. */
export function integerQuery(query: ApiCall['query'], name: string): number {
  const text = query(name);
  if (text === undefined || text === '') return 0;
  if (!/^[+-]?\d{1,18}$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
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

/** Source: metav1 validation.ValidateFieldManager v0.36. */
const MAX_FIELD_MANAGER_BYTES = 128;
const FIELD_VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'];

/** What the query says of a write. Source of the rules: ValidateCreateOptions and its like, apimachinery pkg/apis/meta/v1/validation v0.36. */
export function writeScope(call: Omit<ApiCall, 'resource'>): WriteScope {
  const { query, user, warn, signal, verb } = call;
  const dryRun = query('dryRun');
  const fieldManager = query('fieldManager');
  const fieldValidation = query('fieldValidation') ?? '';
  const errors: FieldError[] = [];
  if (fieldManager !== undefined) errors.push(...fieldManagerErrors(fieldManager));
  errors.push(...dryRunErrors(dryRun));
  if (!FIELD_VALIDATIONS.includes(fieldValidation))
    errors.push(notSupported('fieldValidation', fieldValidation, FIELD_VALIDATIONS));
  if (errors.length > 0)
    throw invalidObject({ group: 'meta.k8s.io', kind: OPTIONS_KINDS[verb] ?? 'CreateOptions' }, '', errors);
  return { user, dryRun: isDryRun(dryRun), fieldManager, warn, signal };
}

function fieldManagerErrors(name: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(name) > MAX_FIELD_MANAGER_BYTES) errors.push(tooLong('fieldManager', MAX_FIELD_MANAGER_BYTES));
  const at = name.search(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u);
  if (at < 0) return errors;
  const code = name.codePointAt(at)!.toString(16).toUpperCase().padStart(4, '0');
  errors.push(invalid('fieldManager', name, `invalid character U+${code} (at position ${at})`));
  return errors;
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
