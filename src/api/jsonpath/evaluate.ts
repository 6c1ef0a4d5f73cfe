/** Applies JSONPath templates to values. Source: client-go util/jsonpath/jsonpath.go v0.36. */
import { compareText, goJson } from '../apply/fieldpath/text.ts';
import { isInt64 } from '../number.ts';
import { type Bound, JSONPathError, type Node, type Path } from './node.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** A number that was written with a point in the template is a float64, whatever its value. */
class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** Values touched by one evaluation: enough for any object, not for paths made to multiply. */
const MAX_VISITS = 100_000;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Float);

/** What each part of the template finds in `data`, in order. Throws JSONPathError. */
export function findResults(template: readonly Node[], data: unknown, allowMissingKeys: boolean): unknown[][] {
  return new Evaluation(allowMissingKeys)
    .template(template, data)
    .map((results) => results.map((value) => (value instanceof Float ? value.value : value)));
}

class Evaluation {
  readonly #allowMissingKeys: boolean;
  #visits = 0;
  #beginRange = 0;
  #inRange = 0;
  #endRange = 0;
  /** The `end` met last. */
  #lastEnd: Node | undefined;

  constructor(allowMissingKeys: boolean) {
    this.#allowMissingKeys = allowMissingKeys;
  }

  template(nodes: readonly Node[], data: unknown): unknown[][] {
    const all: unknown[][] = [];
    for (let i = 0; i < nodes.length; i++) {
      const results = this.#walk([data], nodes[i]!);
      if (this.#endRange > 0 && this.#endRange <= this.#inRange) {
        this.#endRange--;
        this.#lastEnd = nodes[i];
        break;
      }
      if (this.#beginRange === 0) {
        all.push(results);
        continue;
      }
      this.#beginRange--;
      this.#inRange++;
      const rest = nodes.slice(i + 1);
      // Without results, the range is gone through all the same to find its end.
      if (results.length === 0) this.template(rest, null);
      for (const value of results) all.push(...this.template(rest, value));
      this.#inRange--;
      const end = this.#lastEnd === undefined ? -1 : nodes.indexOf(this.#lastEnd, i + 1);
      if (end >= 0) i = end;
    }
    return all;
  }

  #visit(count: number): void {
    this.#visits += count;
    if (this.#visits > MAX_VISITS) throw new JSONPathError('too many results');
  }

  /** All that is found for each, as long as it is not too much. */
  #each<T>(values: readonly T[], find: (value: T) => readonly unknown[]): unknown[] {
    const all: unknown[] = [];
    for (const value of values) {
      const found = find(value);
      this.#visit(found.length);
      for (const one of found) all.push(one);
    }
    return all;
  }

  #path(values: readonly unknown[], path: Path): readonly unknown[] {
    let current = values;
    for (const node of path) current = this.#walk(current, node);
    return current;
  }

  #walk(values: readonly unknown[], node: Node): unknown[] {
    this.#visit(values.length + 1);
    switch (node.kind) {
      case 'list':
        return [...this.#path(values, node.nodes)];
      case 'text':
        return [node.text];
      case 'literal': {
        const { value, isFloat } = node;
        return values.map(() => (isFloat ? new Float(value as number) : value));
      }
      case 'identifier':
        return this.#identifier(values, node.name);
      case 'field':
        return this.#field(values, node.name);
      case 'array':
        return this.#each(values, (value) => (value === null ? [] : sliceOf(value, node.start, node.end, node.step)));
      case 'filter':
        return this.#each(values, (value) => this.#filter(value, node.left, node.right, node.operator));
      case 'wildcard':
        return this.#each(values, childrenOf);
      case 'recursive':
        return this.#recursive(values);
      case 'union':
        return this.#each(node.paths, (path) => this.#path(values, path));
    }
  }

  #identifier(values: readonly unknown[], name: string): unknown[] {
    if (name === 'range') {
      this.#beginRange++;
      return [...values];
    }
    if (name !== 'end') throw new JSONPathError(`unrecognized identifier ${name}`);
    if (this.#inRange === 0) throw new JSONPathError('not in range, nothing to end');
    this.#endRange++;
    return [];
  }

  #field(values: readonly unknown[], name: string): unknown[] {
    if (values.length === 0) return [];
    const found = values.flatMap((value) => (isObject(value) && Object.hasOwn(value, name) ? [value[name]] : []));
    if (found.length === 0 && !this.#allowMissingKeys) throw new JSONPathError(`${name} is not found`);
    return found;
  }

  #recursive(values: readonly unknown[]): unknown[] {
    const found: unknown[] = [];
    for (const value of values) {
      const below = childrenOf(value);
      this.#visit(below.length);
      if (below.length === 0) continue;
      found.push(value);
      for (const more of this.#recursive(below)) found.push(more);
    }
    return found;
  }

  #filter(list: unknown, left: Path, right: Path, operator: string): unknown[] {
    if (!Array.isArray(list)) throw new JSONPathError(`${shown(list)} is not array or slice and cannot be filtered`);
    return (list as unknown[]).filter((item) => {
      if (operator === 'exists') return this.#exists(item, left);
      const one = this.#single(item, left);
      if (one === undefined) return false;
      const other = this.#single(item, right);
      return other !== undefined && compare(one.value, other.value, operator);
    });
  }

  #exists(item: unknown, path: Path): boolean {
    try {
      return this.#path([item], path).length > 0;
    } catch (error) {
      if (error instanceof JSONPathError && this.#visits <= MAX_VISITS) return false;
      throw error;
    }
  }

  #single(item: unknown, path: Path): { readonly value: unknown } | undefined {
    const found = this.#path([item], path);
    if (found.length > 1) throw new JSONPathError('can only compare one element at a time');
    return found.length === 0 ? undefined : { value: found[0] };
  }
}

/** Values of an object in order of its keys, items of a list, bytes of a text. */
function childrenOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  if (typeof value === 'string') return [...Buffer.from(value)];
  return isObject(value)
    ? Object.keys(value)
        .toSorted(compareText)
        .map((key) => value[key])
    : [];
}

function sliceOf(list: unknown, start: Bound, end: Bound, step: Bound): unknown[] {
  if (!Array.isArray(list)) throw new JSONPathError(`${goType(list)} is not array or slice`);
  const { length } = list;
  const first = start.isKnown ? start.value + (start.value < 0 ? length : 0) : 0;
  const wanted = end.isKnown ? end.value : length;
  const last = wanted + (wanted < 0 || (wanted === 0 && end.isDerived) ? length : 0);
  if (first === last) return [];
  for (const [index, isOut] of [
    [first, first >= length || first < 0],
    [last - 1, last > length || last < 0],
  ] as const) {
    if (isOut) throw new JSONPathError(`array index out of bounds: index ${index}, length ${length}`);
  }
  if (first > last) throw new JSONPathError(`starting index ${first} is greater than ending index ${last}`);
  if (step.isKnown && step.value <= 0) throw new JSONPathError('step must be > 0');
  const every = step.isKnown ? step.value : 1;
  return (list as unknown[]).slice(first, last).filter((_, i) => i % every === 0);
}

function goType(value: unknown): string {
  if (isObject(value)) return 'map[string]interface {}';
  if (typeof value === 'number') return isInt64(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

const shown = (value: unknown): string => (value === null || value === undefined ? '<nil>' : goJson(value));

type Comparable = readonly ['bool' | 'int' | 'float' | 'string', boolean | number | string];

function comparable(value: unknown): Comparable {
  if (value instanceof Float) return ['float', value.value];
  if (typeof value === 'number') return [isInt64(value) ? 'int' : 'float', value];
  if (typeof value === 'string') return ['string', value];
  if (typeof value === 'boolean') return ['bool', value];
  throw new JSONPathError('invalid type for comparison');
}

/** As the comparisons of Go's templates: only of values of one type, and no order among booleans. */
function compare(left: unknown, right: unknown, operator: string): boolean {
  if (!['<', '>', '==', '!=', '<=', '>='].includes(operator)) {
    throw new JSONPathError(`unrecognized filter operator ${operator}`);
  }
  const [type, one] = comparable(left);
  const [otherType, other] = comparable(right);
  if (type !== otherType) throw new JSONPathError('incompatible types for comparison');
  if (operator === '==') return one === other;
  if (operator === '!=') return one !== other;
  if (type === 'bool') throw new JSONPathError('invalid type for comparison');
  const order = type === 'string' ? compareText(one as string, other as string) : Number(one) - Number(other);
  switch (operator) {
    case '<':
      return order < 0;
    case '>':
      return order > 0;
    default:
      return operator === '<=' ? order <= 0 : order >= 0;
  }
}
