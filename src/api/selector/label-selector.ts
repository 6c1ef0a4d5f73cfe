/**
 * Label selectors: conditions on labels that all have to hold. Made from text, from a meta/v1 LabelSelector or from a set of labels;
 * compiled once, then matched without allocation. Source: apimachinery pkg/labels/selector.go, meta/v1 helpers.go v0.36.
 */
import { type FieldError, fieldErrorText, invalid } from '../field-error.ts';
import type { LabelSelector } from '../generated/meta.v1.ts';
import { badRequest } from '../status.ts';
import { isLabelValue, isQualifiedName } from '../validation/names.ts';

export type Operator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

export interface Selector {
  /** Sorted by key. */
  readonly requirements: readonly Requirement[];
  /** Matches everything. */
  readonly empty: boolean;
  matches(labels: Labels | undefined): boolean;
  /** Canonical text, as labels.Selector.String writes it. */
  toString(): string;
}

type Match = (labels: Labels) => boolean;

const NO_LABELS: Labels = Object.freeze({});

/** Labels come from JSON: what is inherited (`constructor` is a fine label key) is no string. */
const has = (labels: Labels, key: string): boolean => typeof labels[key] === 'string';

const INTEGER = /^[+-]?[0-9]+$/;
const MAX_INT64 = 2n ** 63n - 1n;

/** An int64, or undefined. Source: strconv.ParseInt. */
function int64(text: string | undefined): bigint | undefined {
  if (text === undefined || text.length > 40 || !INTEGER.test(text)) return undefined;
  const value = BigInt(text.replace('+', ''));
  return value > MAX_INT64 || value < -MAX_INT64 - 1n ? undefined : value;
}

function compile({ key, operator, values }: Requirement): Match {
  const first = values[0];
  const set = values.length > 8 ? new Set(values) : undefined;
  const included = (value: string): boolean => (set === undefined ? values.includes(value) : set.has(value));
  switch (operator) {
    case '=':
    case '==':
      return (labels) => labels[key] === first;
    case 'in':
      return values.length === 1
        ? (labels) => labels[key] === first
        : (labels) => has(labels, key) && included(labels[key]!);
    case '!=':
      return (labels) => labels[key] !== first;
    case 'notin':
      return (labels) => !has(labels, key) || !included(labels[key]!);
    case 'exists':
      return (labels) => has(labels, key);
    case '!':
      return (labels) => !has(labels, key);
    case 'gt':
    case 'lt':
      return (labels) => {
        const [actual, bound] = [has(labels, key) ? int64(labels[key]) : undefined, int64(first)];
        if (actual === undefined || bound === undefined) return false;
        return operator === 'gt' ? actual > bound : actual < bound;
      };
  }
}

function requirementText({ key, operator, values }: Requirement): string {
  const list = values.length > 1 ? values.toSorted().join(',') : (values[0] ?? '');
  switch (operator) {
    case '=':
    case '==':
    case '!=':
      return `${key}${operator}${list}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${list})`;
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'gt':
      return `${key}>${list}`;
    case 'lt':
      return `${key}<${list}`;
  }
}

function newSelector(requirements: readonly Requirement[]): Selector {
  const sorted = requirements.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const matchers = sorted.map(compile);
  const [only] = matchers;
  return {
    requirements: sorted,
    empty: sorted.length === 0,
    matches:
      only !== undefined && matchers.length === 1
        ? (labels) => only(labels ?? NO_LABELS)
        : (labels) => matchers.every((match) => match(labels ?? NO_LABELS)),
    toString: () => sorted.map(requirementText).join(','),
  };
}

/** Matches everything. */
export const everything: Selector = newSelector([]);
/** Matches nothing; its text is empty, as upstream's is. */
export const nothing: Selector = { requirements: [], empty: false, matches: () => false, toString: () => '' };

/** The value a key must have for the selector to match, if there is exactly one. */
export function requiredValue(selector: Selector, key: string): string | undefined {
  const found = selector.requirements.find((r) => r.key === key);
  if (found === undefined || found.values.length !== 1) return undefined;
  return found.operator === '=' || found.operator === '==' || found.operator === 'in' ? found.values[0] : undefined;
}

/** Exactly these labels and maybe more; no labels match everything. Nothing is checked. */
export const selectorFromSet = (labels: Labels | undefined): Selector =>
  newSelector(Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] })));

const OPERATORS: Readonly<Record<string, Operator>> = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' };

/**
 * A meta/v1 LabelSelector. Absent matches nothing, empty matches everything. Throws StatusError BadRequest with upstream's text.
 */
export function labelSelectorAsSelector(selector: LabelSelector | undefined): Selector {
  if (selector === undefined) return nothing;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => requirement(key, '=', [value]));
  for (const { key = '', operator, values } of selector.matchExpressions ?? []) {
    const own = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
    if (own === undefined) throw badRequest(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(requirement(key, own, values ?? []));
  }
  return newSelector(requirements);
}

/** What kubectl shows for a LabelSelector. Source: metav1.FormatLabelSelector. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  try {
    return labelSelectorAsSelector(selector).toString() || '<none>';
  } catch {
    return '<error>'; // upstream's own word for a selector that cannot be read
  }
}

/** A checked requirement. Throws StatusError BadRequest. Source: labels.NewRequirement. */
export function requirement(key: string, operator: Operator, values: readonly string[]): Requirement {
  const errors: FieldError[] = [];
  const keyErrors = isQualifiedName(key);
  if (keyErrors.length > 0) errors.push(invalid('key', key, keyErrors.join('; ')));
  const count = valueCountError(operator, values.length);
  if (count !== undefined) errors.push(invalid('values', values, count));
  for (const [i, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && int64(value) === undefined) {
      errors.push(invalid(`values[${i}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"));
    }
    const valueErrors = isLabelValue(value);
    if (valueErrors.length > 0) errors.push(invalid(`values[${i}][${key}]`, value, valueErrors.join('; ')));
  }
  if (errors.length > 0) {
    const texts = [...new Set(errors.map(fieldErrorText))];
    throw badRequest(texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`);
  }
  return { key, operator, values };
}

function valueCountError(operator: Operator, count: number): string | undefined {
  switch (operator) {
    case 'in':
    case 'notin':
      return count === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined;
    case '=':
    case '==':
    case '!=':
      return count === 1 ? undefined : 'exact-match compatibility requires one single value';
    case 'exists':
    case '!':
      return count === 0 ? undefined : 'values set must be empty for exists and does not exist';
    case 'gt':
    case 'lt':
      return count === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required";
  }
}

/** Selector of a set of checked requirements; for the parser. */
export const selectorOf = (requirements: readonly Requirement[]): Selector =>
  requirements.length === 0 ? everything : newSelector(requirements);
