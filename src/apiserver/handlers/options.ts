import { invalidObject, notSupported, StatusError } from '#api';
import type { Store } from '#store';
import type { ListRequest } from '../registry/list.ts';
import type { RegistryEnvironment, WriteScope } from '../registry/scope.ts';
import type { ApiCall } from './call.ts';

export interface VerbEnvironment extends RegistryEnvironment {
  readonly store: Store;
}

export const methodNotAllowed = (): StatusError =>
  new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource');

export const notFoundPath = (): StatusError =>
  new StatusError('NotFound', 'the server could not find the requested resource');

export const listRequest = ({ query }: Pick<ApiCall, 'query'>): ListRequest => ({
  labelSelector: query('labelSelector'),
  fieldSelector: query('fieldSelector'),
  limit: Number(query('limit') ?? 0) || 0,
  continue: query('continue'),
  resourceVersion: query('resourceVersion'),
  resourceVersionMatch: query('resourceVersionMatch'),
});

export function writeScope(call: ApiCall): WriteScope {
  return {
    user: call.user,
    dryRun: isDryRun(call.query('dryRun')),
    fieldManager: call.query('fieldManager'),
    warn: call.warn,
    signal: call.signal,
  };
}

/** Source: metav1 validation.ValidateDryRun v1.36. */
export function isDryRun(value: string | undefined): boolean {
  if (value === undefined || value === '') return false;
  if (value === 'All') return true;
  throw invalidObject({ group: 'meta.k8s.io', kind: 'CreateOptions' }, '', [notSupported('dryRun', value, ['All'])]);
}
