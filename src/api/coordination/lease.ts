import type { FieldError } from '../field-error.ts';
import { forbiddenField, invalid, notSupported } from '../field-error.ts';
import type * as coordination from '../generated/coordination.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { invalidEach } from '../validation/fields.ts';
import { isQualifiedName } from '../validation/names.ts';

export type Lease = coordination.Lease;

const STRATEGIES = ['OldestEmulationVersion'];

function validateLease({ spec }: Lease): FieldError[] {
  const { leaseDurationSeconds: seconds, leaseTransitions: transitions, strategy, preferredHolder = '' } = spec;
  const errors: FieldError[] = [];
  if (seconds !== undefined && seconds <= 0) {
    errors.push(invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0'));
  }
  if (transitions !== undefined && transitions < 0) {
    errors.push(invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
  }
  if (strategy !== undefined) {
    // Upstream names the field twice.
    const path = 'spec.strategy.strategy';
    if (strategy.includes('/')) errors.push(...invalidEach(path, strategy, isQualifiedName(strategy)));
    else if (!STRATEGIES.includes(strategy)) errors.push(notSupported(path, strategy, STRATEGIES));
  }
  if (preferredHolder !== '' && (strategy ?? '') === '') {
    errors.push(forbiddenField('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
  }
  return errors;
}

/** Source: pkg/apis/coordination/validation, pkg/registry/coordination/lease/strategy.go v1.36. */
export const Lease = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  definition: 'coordination.v1.Lease',
  createOnUpdate: true,
  unconditionalUpdate: false,
  anyFinalizers: true,
  defaults(lease) {
    lease.spec ??= {};
  },
  // CoordinatedLeaderElection is off in v1.36.
  prepareForCreate({ spec }) {
    delete spec.strategy;
    delete spec.preferredHolder;
  },
  prepareForUpdate({ spec }, old) {
    if (old.spec.strategy === undefined) delete spec.strategy;
    if (old.spec.preferredHolder === undefined) delete spec.preferredHolder;
  },
  validate: validateLease,
  columns: [NAME, { name: 'Holder', type: 'string' }, AGE],
  row: (lease, { nowMs }) => ({
    cells: [lease.metadata.name, lease.spec.holderIdentity ?? '', age(lease, nowMs)],
  }),
});
