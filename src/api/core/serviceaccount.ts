import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';

export type ServiceAccount = core.ServiceAccount;

/** Source: pkg/registry/core/serviceaccount/strategy.go v1.36. The table has lost its column of secrets in v1.35. */
export const ServiceAccount = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  namespaced: true,
  definition: 'core.v1.ServiceAccount',
  prepareForCreate: keepNamesOnly,
  prepareForUpdate: keepNamesOnly,
  columns: [NAME, AGE],
  row: (serviceAccount, { nowMs }) => ({ cells: [serviceAccount.metadata.name, age(serviceAccount, nowMs)] }),
});

/** Secrets are named, nothing more. */
function keepNamesOnly(serviceAccount: ServiceAccount): void {
  if (serviceAccount.secrets === undefined) return;
  serviceAccount.secrets = serviceAccount.secrets.map(({ name }) => ({ name }));
}
