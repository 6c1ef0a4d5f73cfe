/**
 * Expressions that select devices, compiled when they are written. Sources: pkg/apis/resource/validation/validation.go,
 * k8s.io/dynamic-resource-allocation/cel/compile.go v1.36.
 */
import {
  child,
  type DeviceClass,
  equalValues,
  type FieldError,
  forbiddenField,
  index,
  type ResourceClaim,
  type ResourceClaimTemplate,
} from '#api';
import { ANY, BOOL, type Declarations, declare, type DeclType, estimate, QUANTITY, STRING, type Type } from '#cel';
import type { Clock } from '#util';
import { paced } from '../registry/pace.ts';
import type { ResourceHooks } from '../registry/scope.ts';
import { type Compiled, compiled, expressionError } from './compile.ts';

/** Source: api/resource/v1 types.go v1.36. */
const MAX_COST = 1_000_000;
const MAX_DRIVER_NAME = 63;
const MAX_DOMAIN = 63;
const MAX_ID = 32;
const MAX_ATTRIBUTES = 32;
const MAX_VALUE = 64;

type Selector = NonNullable<DeviceClass['spec']['selectors']>[number];
type ClaimSpec = ResourceClaim['spec'];
type Steps = Generator<void, FieldError[]>;

const simple = (type: Type, maxElements: number): DeclType => ({
  type,
  fields: undefined,
  key: undefined,
  element: undefined,
  maxElements,
  minBytes: 0,
});
const mapOf = (maxKey: number, element: DeclType): DeclType => ({
  ...simple(STRING, MAX_ATTRIBUTES),
  type: undefined,
  key: simple(STRING, maxKey),
  element,
});

const ATTRIBUTE = simple(ANY, MAX_VALUE);
const DEVICE: DeclType = {
  ...simple(STRING, 0),
  type: undefined,
  fields: new Map([
    ['driver', simple(STRING, MAX_DRIVER_NAME)],
    ['attributes', mapOf(MAX_DOMAIN, mapOf(MAX_ID, ATTRIBUTE))],
    ['capacity', mapOf(MAX_DOMAIN, mapOf(MAX_ID, simple(QUANTITY, 0)))],
    ['allowMultipleAllocations', simple(BOOL, 1)],
  ]),
};
const { type, structs } = declare(DEVICE, 'kubernetes.DRADevice');
const DECLARATIONS: Declarations = { structs, binds: true, variables: new Map([['device', type]]) };

/** Whatever an attribute is called, it is as large as one can be. Source: sizeEstimator, as above. */
const sizeOf: Parameters<typeof estimate>[1] = (path) => {
  let current: DeclType | undefined = DEVICE;
  for (const name of path.slice(1)) {
    if (name === '@items' || name === '@values') current = current?.element;
    else if (name === '@keys') current = current?.key;
    else current = current?.fields?.get(name) ?? (current?.element === ATTRIBUTE ? ATTRIBUTE : undefined);
  }
  return current?.maxElements;
};

/** An attribute may be a bool; nobody knows before it is read. */
const isBoolOrUnknown = (found: Type): string | undefined =>
  found.kind === 'bool' || found.kind === 'any'
    ? undefined
    : `must evaluate to bool or the unknown type, not ${String(found)}`;

/** What a selector can cost at most, or why it is none. */
export function compileSelector(text: string): number | NonNullable<Compiled['error']> {
  const { error, expression } = compiled(text, DECLARATIONS, isBoolOrUnknown);
  return error ?? estimate(expression, sizeOf).max;
}

function checkSelector(text: string, path: string): FieldError[] {
  const found = compileSelector(text);
  if (typeof found === 'object') return [expressionError(path, text, found)];
  return found > MAX_COST ? [forbiddenField(path, 'too complex, exceeds cost limit')] : [];
}

function* selectorErrors(selectors: readonly Selector[] | undefined, path: string): Steps {
  const errors: FieldError[] = [];
  for (const [i, { cel }] of (selectors ?? []).entries()) {
    if (cel !== undefined) errors.push(...checkSelector(cel.expression, child(index(path, i), 'cel', 'expression')));
    yield;
  }
  return errors;
}

function* claimErrors({ devices }: ClaimSpec, path: string): Steps {
  const errors: FieldError[] = [];
  for (const [i, { exactly, firstAvailable = [] }] of (devices?.requests ?? []).entries()) {
    const at = index(path, i);
    errors.push(...(yield* selectorErrors(exactly?.selectors, child(at, 'exactly', 'selectors'))));
    for (const [n, { selectors }] of firstAvailable.entries())
      errors.push(...(yield* selectorErrors(selectors, child(index(child(at, 'firstAvailable'), n), 'selectors'))));
  }
  return errors;
}

/** By `plural.group`. What is there already was compiled by whoever wrote it. */
export const deviceHooks = (clock: Clock): readonly (readonly [string, ResourceHooks])[] => [
  [
    'deviceclasses.resource.k8s.io',
    {
      validate(object, old) {
        const { selectors } = (object as DeviceClass).spec;
        if (equalValues(selectors, (old as DeviceClass | undefined)?.spec.selectors)) return [];
        return paced(clock, selectorErrors(selectors, 'spec.selectors'));
      },
    },
  ],
  [
    'resourceclaims.resource.k8s.io',
    {
      validate: (object, old) =>
        old === undefined ? paced(clock, claimErrors((object as ResourceClaim).spec, 'spec.devices.requests')) : [],
    },
  ],
  [
    'resourceclaimtemplates.resource.k8s.io',
    {
      validate(object, old) {
        const { spec } = (object as ResourceClaimTemplate).spec;
        return old === undefined ? paced(clock, claimErrors(spec, 'spec.spec.devices.requests')) : [];
      },
    },
  ],
];
