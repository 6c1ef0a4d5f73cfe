/**
 * What is wrong with the rules of a definition: those that do not compile, and those that could cost too much. Sources:
 * apiextensions-apiserver pkg/apis/apiextensions/validation/{validation,cel_validation}.go v1.36.
 */
import { child, type FieldError, forbiddenField, index, invalid, keyPath, type StructuralSchema } from '#api';
import { declTypeOf } from '#cel';
import { type CompiledRule, compileNode, maxCardinality, type ValidationRule } from './compile.ts';

const MAX_COST = 10_000_000;
const MAX_TOTAL_COST = 100_000_000;
/** What counts as no limit. */
const UNLIMITED = 2 ** 64;
/** Rules blamed for a total that is too high, and what each has to contribute. */
const MOST_BLAMED = 4;
const LEAST_BLAMED = MAX_TOTAL_COST / 100;

export interface RuleErrorOptions {
  /** The schema is as it was before the update: what rules cost alone is not judged again. */
  readonly isUnchanged?: boolean;
}

/** Of a schema whose form is right; in steps of a rule each. `path` leads to it: `spec.versions[0].schema.openAPIV3Schema`. */
export function* ruleErrors(
  schema: StructuralSchema,
  path: string,
  { isUnchanged = false }: RuleErrorOptions = {},
): Generator<void, FieldError[]> {
  if (!schema.holds.validations) return [];
  const walk = new Walk(isUnchanged);
  yield* walk.node(schema, path, { isResource: true, cardinality: 1, uncorrelatable: undefined });
  return [...walk.errors, ...walk.totalErrors(path)];
}

interface Place {
  readonly isResource: boolean;
  /** How many such values one object can have; undefined: nothing says. */
  readonly cardinality: number | undefined;
  /** The highest list or map above whose elements have no old value. */
  readonly uncorrelatable: string | undefined;
}

const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : Math.min(UNLIMITED, a * b));

class Walk {
  readonly errors: FieldError[] = [];
  readonly #isUnchanged: boolean;
  #total = 0;
  #blamed: { readonly path: string; readonly cost: number }[] = [];

  constructor(isUnchanged: boolean) {
    this.#isUnchanged = isUnchanged;
  }

  *node(schema: StructuralSchema, path: string, place: Place): Generator<void, void> {
    const { properties, additionalProperties: additional, items, mapType, listType } = schema;
    const factor = elementsOf(schema);
    const cardinality =
      place.cardinality === undefined || factor === undefined ? undefined : product(place.cardinality, factor);
    const placed = (next: StructuralSchema, correlates: boolean): Place => ({
      isResource: next.embeddedResource,
      cardinality,
      uncorrelatable: place.uncorrelatable ?? (correlates ? undefined : path),
    });
    if (typeof additional === 'object' && additional.holds.validations)
      yield* this.node(additional, child(path, 'additionalProperties'), placed(additional, true));
    const correlates = mapType === undefined || mapType === 'granular' || mapType === 'atomic';
    for (const [name, property] of properties) {
      if (!property.holds.validations) continue;
      yield* this.node(property, keyPath(child(path, 'properties'), name), placed(property, correlates));
    }
    if (items?.holds.validations === true)
      yield* this.node(items, child(path, 'items'), placed(items, listType === 'map'));
    if (schema.validations.length > 0) yield* this.#rules(schema, child(path, 'x-kubernetes-validations'), place);
  }

  *#rules(schema: StructuralSchema, path: string, place: Place): Generator<void, void> {
    const decl = declTypeOf(schema, place.isResource);
    if (decl === undefined) {
      const why = 'failed to construct type information for x-kubernetes-validations rules';
      const message = `Internal error: internal error: ${why}: unable to convert structural schema to CEL declarations`;
      this.errors.push({ type: 'InternalError', field: path, message });
      return;
    }
    const times = place.cardinality ?? maxCardinality(decl);
    for (const [i, rule] of (yield* compileNode(schema.validations, schema, decl)).entries()) {
      this.#rule(rule, index(path, i), times, place.uncorrelatable);
    }
  }

  #rule(compiled: CompiledRule, path: string, times: number, uncorrelatable: string | undefined): void {
    const { rule, error, messageError, messageExpression, usesOldSelf } = compiled;
    const at = child(path, 'rule');
    this.#cost('estimated rule cost', at, product(compiled.maxCost, times));
    if (error !== undefined) this.errors.push(ruleInvalid(at, rule, error));
    const messageAt = child(path, 'messageExpression');
    if (messageError !== undefined) this.errors.push(ruleInvalid(messageAt, rule, messageError));
    else if (messageExpression !== undefined)
      this.#cost('estimated messageExpression cost', messageAt, messageExpression.maxCost);
    if (usesOldSelf && uncorrelatable !== undefined) {
      const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`;
      this.errors.push(invalid(at, rule.rule, why));
    }
    if (!usesOldSelf && rule.optionalOldSelf !== undefined) {
      const why = 'may not be set if oldSelf is not used in rule';
      this.errors.push(invalid(child(path, 'optionalOldSelf'), rule.optionalOldSelf, why));
    }
  }

  #cost(name: string, path: string, cost: number): void {
    if (!this.#isUnchanged && cost > MAX_COST)
      this.errors.push(forbiddenField(path, tooExpensive(name, cost, MAX_COST)));
    this.#total = Math.min(UNLIMITED, this.#total + cost);
    if (cost < LEAST_BLAMED) return;
    this.#blamed = [...this.#blamed, { path, cost }].toSorted((a, b) => b.cost - a.cost).slice(0, MOST_BLAMED);
  }

  totalErrors(path: string): FieldError[] {
    if (this.#total <= MAX_TOTAL_COST) return [];
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    const why = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
    return [
      ...this.#blamed.map((blamed) => forbiddenField(blamed.path, why)),
      forbiddenField(path, tooExpensive(what, this.#total, MAX_TOTAL_COST)),
    ];
  }
}

/** How many more values there can be of what is below a node than of the node. Source: extractMaxElements. */
function elementsOf({ type, additionalProperties, maxProperties, maxItems }: StructuralSchema): number | undefined {
  if (type === 'array') return maxItems === undefined ? undefined : Math.max(0, maxItems);
  if (type !== 'object' || additionalProperties === undefined) return 1;
  return maxProperties === undefined ? undefined : Math.max(0, maxProperties);
}

function tooExpensive(name: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const shown = factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  const advice =
    'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared';
  return `${name} exceeds budget by factor of ${shown} (${advice})`;
}

/** Go's JSON writes these three so. */
const HTML: Readonly<Record<string, string>> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026' };

/** An error whose value is the whole rule, as upstream's own type is written. */
function ruleInvalid(path: string, rule: ValidationRule, detail: string): FieldError {
  const value = {
    Rule: rule.rule,
    Message: rule.message ?? '',
    MessageExpression: rule.messageExpression ?? '',
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? '',
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  };
  const shown = JSON.stringify(value).replace(/[<>&]/g, (c) => HTML[c]!);
  return { type: 'FieldValueInvalid', field: path, message: `Invalid value: ${shown}: ${detail}` };
}
