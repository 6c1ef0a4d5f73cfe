import type { FieldError } from '../../field-error.ts';
import { child, duplicate, forbiddenField, invalid, keyPath, required } from '../../field-error.ts';
import type * as core from '../../generated/core.v1.ts';
import { defineKind } from '../../kind.ts';
import { canonicalQuantity, compareQuantity, cpuMilli } from '../../quantity.ts';
import { DEFAULT_COLUMNS, defaultRow } from '../../table.ts';
import { own } from '../../validation/equal.ts';
import { eachOf, invalidEach, Seen, unchecked } from '../../validation/fields.ts';
import { isQualifiedName } from '../../validation/names.ts';
import { roundedToMilli } from '../pod/defaults.ts';
import { validateContainerResourceName, validateResourceName } from '../pod/requirements.ts';
import { isOvercommitAllowed } from '../pod/resources.ts';

export type LimitRange = core.LimitRange;

const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim'];
const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

/** Source: SetDefaults_LimitRangeItem in pkg/apis/core/v1/defaults.go v1.36. */
function defaultItem(item: core.LimitRangeItem): void {
  for (const list of LISTS) if (item[list] !== undefined) item[list] = roundedToMilli(item[list]);
  if (item.type !== 'Container') return;
  const limits = { ...item.max, ...item.default };
  const requests = { ...item.min, ...limits, ...item.defaultRequest };
  if (Object.keys(limits).length > 0) item.default = limits;
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}

function validateLimitRange({ spec }: LimitRange): FieldError[] {
  const types = new Seen();
  return eachOf(spec.limits, 'spec.limits', (sent, at) => {
    const item = { ...sent, type: unchecked(sent).type ?? '' };
    const errors = validateType(item.type, child(at, 'type'));
    if (!types.add(item.type)) errors.push(duplicate(child(at, 'type'), item.type));
    return [...errors, ...validateNames(item, at), ...validateAmounts(withoutForbidden(item), at)];
  });
}

/** Pods have no defaults, and what is wrong with them is not said. */
const withoutForbidden = (item: core.LimitRangeItem): core.LimitRangeItem =>
  item.type === 'Pod' ? { ...item, default: undefined, defaultRequest: undefined } : item;

function validateType(type: string, path: string): FieldError[] {
  const errors = invalidEach(path, type, isQualifiedName(type));
  if (errors.length > 0 || type.includes('/') || TYPES.includes(type)) return errors;
  return [invalid(path, type, 'must be a standard limit type or fully qualified')];
}

function validateNames(item: core.LimitRangeItem, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of LISTS) {
    const names = Object.keys(item[list] ?? {});
    if (item.type === 'Pod' && (list === 'default' || list === 'defaultRequest')) {
      if (names.length > 0) {
        errors.push(forbiddenField(child(path, list), "may not be specified when `type` is 'Pod'"));
      }
      continue;
    }
    const validate =
      item.type === 'Pod' || item.type === 'Container' ? validateContainerResourceName : validateResourceName;
    const ofList = names.flatMap((name) => validate(name, keyPath(child(path, list), name)));
    if (list === 'maxLimitRequestRatio') errors.push(...validateClaimLimits(item, path));
    errors.push(...ofList);
  }
  return errors;
}

function validateClaimLimits(item: core.LimitRangeItem, path: string): FieldError[] {
  const hasStorage = item.min?.['storage'] !== undefined || item.max?.['storage'] !== undefined;
  if (item.type !== 'PersistentVolumeClaim' || hasStorage) return [];
  const why = 'either minimum or maximum storage value is required, but neither was provided';
  return [required(child(path, 'limits'), why)];
}

/** Of two lists: what stands first must not be more than what stands second; the error is about the third and shows the fourth. */
const ORDER = [
  ['min', 'max', 'min', 'min', 'min value', 'max value'],
  ['min', 'defaultRequest', 'defaultRequest', 'defaultRequest', 'min value', 'default request value'],
  ['defaultRequest', 'max', 'defaultRequest', 'defaultRequest', 'default request value', 'max value'],
  ['defaultRequest', 'default', 'defaultRequest', 'defaultRequest', 'default request value', 'default limit value'],
  ['min', 'default', 'default', 'min', 'min value', 'default value'],
  ['default', 'max', 'default', 'max', 'default value', 'max value'],
] as const;

function validateAmounts(item: core.LimitRangeItem, path: string): FieldError[] {
  const names = new Set(LISTS.flatMap((list) => Object.keys(item[list] ?? {})));
  const errors: FieldError[] = [];
  for (const name of names) {
    for (const [lower, upper, wrong, bad, lowerText, upperText] of ORDER) {
      const [low, high] = [own(item[lower], name), own(item[upper], name)];
      if (low === undefined || high === undefined || compareQuantity(low, high) <= 0) continue;
      const shown = canonicalQuantity(own(item[bad], name)!);
      const why = `${lowerText} ${canonicalQuantity(low)} is greater than ${upperText} ${canonicalQuantity(high)}`;
      errors.push(invalid(keyPath(child(path, wrong), name), shown, why));
    }
    errors.push(...validateRatio(item, name, path), ...validateOvercommit(item, name, path));
  }
  return errors;
}

function validateRatio(
  { maxLimitRequestRatio, min, max }: core.LimitRangeItem,
  name: string,
  path: string,
): FieldError[] {
  const ratio = own(maxLimitRequestRatio, name);
  if (ratio === undefined) return [];
  const at = keyPath(child(path, 'maxLimitRequestRatio'), name);
  const shown = canonicalQuantity(ratio);
  const errors = compareQuantity(ratio, '1') < 0 ? [invalid(at, shown, `ratio ${shown} is less than 1`)] : [];
  const [low, high] = [own(min, name), own(max, name)];
  if (low === undefined || high === undefined) return errors;
  const limit = cpuMilli(high) / cpuMilli(low);
  if (cpuMilli(ratio) / 1000 > limit) {
    errors.push(invalid(at, shown, `ratio ${shown} is greater than max/min = ${limit.toFixed(6)}`));
  }
  return errors;
}

/** What cannot be promised twice has the same request as limit. */
function validateOvercommit(item: core.LimitRangeItem, name: string, path: string): FieldError[] {
  const [limit, request] = [own(item.default, name), own(item.defaultRequest, name)];
  if (limit === undefined || request === undefined || isOvercommitAllowed(name)) return [];
  if (compareQuantity(limit, request) === 0) return [];
  const [shown, other] = [canonicalQuantity(limit), canonicalQuantity(request)];
  const why = `default value ${shown} must equal to defaultRequest value ${other} in ${name}`;
  return [invalid(keyPath(child(path, 'defaultRequest'), name), other, why)];
}

/** Source: ValidateLimitRange in pkg/apis/core/validation, pkg/registry/core/limitrange/strategy.go v1.36. */
export const LimitRange = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  shortNames: ['limits'],
  namespaced: true,
  definition: 'core.v1.LimitRange',
  createOnUpdate: true,

  defaults(limitRange) {
    limitRange.spec ??= { limits: [] };
    for (const item of limitRange.spec.limits ?? []) defaultItem(item);
  },
  validate: validateLimitRange,
  columns: DEFAULT_COLUMNS,
  row: defaultRow,
});
