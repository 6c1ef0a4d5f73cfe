/** One object against its rules. Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go v1.36. */
import {
  child,
  type Correlated,
  duplicate,
  type FieldError,
  fieldErrorText,
  forbiddenField,
  index,
  invalid,
  invalidOmit,
  keyPath,
  required,
  type StructuralSchema,
} from '#api';
import { asResource, CelError, jsonValue, NONE, Optional, type Outcome, type Program, type Value } from '#cel';
import type { CompiledRule, ValidationRule } from './compile.ts';
import type { RuleNode, RuleOptions } from './rules.ts';
import { oldItems } from './old-items.ts';

/** Source: apiserver pkg/apis/cel/config.go PerCallLimit. */
const CALL_LIMIT = 1_000_000;
const MAX_MESSAGE_BYTES = 5 * 1024;
const OUT_OF_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run';
const CANCELLED = 'operation cancelled: actual cost limit exceeded';

/** A value with what stood in its place before, and the nearest above that has such. */
export interface Correlation {
  readonly current: Correlated | undefined;
  readonly nearest: Correlated | undefined;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Variables of rules: `oldSelf` as it is for most, and as an optional. */
interface Variables {
  readonly plain: Readonly<Record<string, Value>>;
  readonly optional: Readonly<Record<string, Value>>;
}

/** Errors at the root are upstream's errors of a path that is nil. */
const shownPath = (path: string): string => (path === '' ? '<nil>' : path);

const correlates = ({ mapType }: StructuralSchema): boolean =>
  mapType === undefined || mapType === 'granular' || mapType === 'atomic';

/** What is said of a rule where it cannot be judged. */
const ruleText = ({ rule, message = '' }: ValidationRule): string => (message === '' ? rule : message).trim();

export class Run {
  readonly errors: FieldError[] = [];
  readonly #options: RuleOptions;
  /** Below zero: no more rules are run. */
  #budget: number;

  constructor(budget: number, options: RuleOptions) {
    this.#budget = budget;
    this.#options = options;
  }

  /** A value with everything below it. */
  node(node: RuleNode, path: string, value: unknown, old: unknown, correlation: Correlation): void {
    if (value === null || value === undefined) return;
    this.#rules(node, path, value, old ?? undefined, correlation);
    if (this.#budget < 0) return;
    for (const nested of node.allOf) {
      this.node(nested, path, value, old, { current: undefined, nearest: correlation.nearest });
      if (this.#budget < 0) return;
    }
    if (Array.isArray(value)) this.#items(node, path, value, old, correlation);
    else if (typeof value === 'object') this.#fields(node, path, value as JsonObject, old, correlation);
  }

  #items(node: RuleNode, path: string, value: readonly unknown[], old: unknown, correlation: Correlation): void {
    if (node.items === undefined) return;
    const before = oldItems(node.schema, Array.isArray(old) ? old : []);
    for (const [i, item] of value.entries()) {
      this.node(node.items, index(path, i), item, before(item), itemOf(correlation, i));
      if (this.#budget < 0) return;
    }
  }

  #fields(node: RuleNode, path: string, value: JsonObject, old: unknown, correlation: Correlation): void {
    const { additionalProperties, properties, schema } = node;
    const isObject = typeof old === 'object' && old !== null && !Array.isArray(old);
    const before = isObject && correlates(schema) ? (old as JsonObject) : {};
    const oldOf = (name: string): unknown => (Object.hasOwn(before, name) ? before[name] : undefined);
    const visit = (next: RuleNode | undefined, name: string, at: string): void => {
      if (next === undefined || this.#budget < 0) return;
      this.node(next, at, value[name], oldOf(name), fieldOf(correlation, name));
    };
    const names = Object.keys(value);
    for (const name of additionalProperties === undefined ? [] : names)
      visit(additionalProperties, name, keyPath(path, name));
    for (const name of properties.size === 0 ? [] : names) visit(properties.get(name), name, child(path, name));
  }

  #rules(node: RuleNode, path: string, value: unknown, old: unknown, correlation: Correlation): void {
    const at = shownPath(path);
    const { type } = node.schema;
    if (node.error !== undefined) {
      this.errors.push(invalid(at, type, `rule compiler initialization error: ${node.error}`));
      return;
    }
    if (node.rules.length === 0) return;
    if (this.#budget <= 0) {
      this.#stop(invalid(at, type, OUT_OF_BUDGET));
      return;
    }
    const variables = variablesOf(node, value, old);
    for (const compiled of node.rules) {
      this.#rule(compiled, { path, type, value, old, variables, correlation });
      if (this.#budget < 0) return;
    }
  }

  #stop(error: FieldError): void {
    this.errors.push(error);
    this.#budget = -1;
  }

  #rule(compiled: CompiledRule, site: Site): void {
    const at = shownPath(site.path);
    const { rule } = compiled;
    if (compiled.error !== undefined) {
      this.errors.push(invalid(at, site.type, `rule compile error: ${compiled.error}`));
      return;
    }
    const isOptional = rule.optionalOldSelf === true;
    if (compiled.program === undefined) return;
    // Transitions are judged only where there is something to come from.
    if (compiled.usesOldSelf && site.old === undefined && !isOptional) return;
    const variables = isOptional ? site.variables.optional : site.variables.plain;
    const { value } = this.#evaluate(compiled.program, variables, (cost) => cost > this.#budget);
    if (this.#budget < 0) this.errors.push(invalid(at, site.type, OUT_OF_BUDGET));
    else if (value instanceof CelError) this.#failed(value.message, at, site.type, rule);
    else if (value !== true) this.#broken(compiled, site);
  }

  /** Takes the cost from the budget, which is below zero afterwards when it was not enough. */
  #evaluate(program: Program, variables: Variables['plain'], exceeds: (cost: number) => boolean): Outcome {
    const { interrupted } = this.#options;
    const outcome = program.evaluate(variables, { costLimit: CALL_LIMIT, interrupted });
    this.#budget = exceeds(outcome.cost) ? -1 : this.#budget - outcome.cost;
    return outcome;
  }

  #failed(message: string, at: string, type: string, rule: ValidationRule): void {
    const text = ruleText(rule);
    if (message.startsWith('no such overload')) {
      const why = 'call arguments did not match a supported operator, function or macro signature for rule';
      this.errors.push(invalid(at, type, `'${message}': ${why}: ${text}`));
    } else if (message.startsWith(CANCELLED)) {
      const why = 'no further validation rules will be run due to call cost exceeds limit for rule';
      this.#stop(invalid(at, type, `'${message}': ${why}: ${text}`));
    } else {
      this.errors.push(invalid(at, type, `${message} evaluating rule: ${text}`));
    }
  }

  /** The rule does not hold. */
  #broken(compiled: CompiledRule, site: Site): void {
    const at = shownPath(child(site.path, compiled.fieldPath));
    const message = this.#message(compiled, site);
    if (message instanceof CelError) {
      this.#add(compiled, site, invalid(at, site.type, message.message));
      return;
    }
    const { rule } = compiled;
    const detail = message ?? ((rule.message ?? '') === '' ? `failed rule: ${ruleText(rule)}` : ruleText(rule));
    this.#add(compiled, site, errorOf(at, site, detail, rule.reason));
  }

  /** What was wrong before and has not changed is only warned of. */
  #add({ usesOldSelf }: CompiledRule, { correlation }: Site, error: FieldError): void {
    const before = correlation.current ?? correlation.nearest;
    if (!usesOldSelf && before?.isUnchanged() === true) this.#options.warn?.(fieldErrorText(error));
    else this.errors.push(error);
  }

  /** The message an expression makes; undefined: it makes none that can be used. An error ends the run. */
  #message({ messageExpression, rule }: CompiledRule, { variables }: Site): string | CelError | undefined {
    if (messageExpression === undefined) return undefined;
    const quoted = JSON.stringify(rule.messageExpression);
    const { value } = this.#evaluate(messageExpression.program, variables.plain, (cost) => cost > this.#budget);
    if (this.#budget < 0) {
      const why = 'running out of cost budget, no further validation rules will be run';
      return new CelError(`messageExpression evaluation failed due to ${why}`);
    }
    if (value instanceof CelError) {
      if (!value.message.startsWith(CANCELLED)) return undefined;
      this.#budget = -1;
      const why = 'no further validation rules will be run due to call cost exceeds limit for messageExpression';
      return new CelError(`${why}: ${quoted}`);
    }
    const text = typeof value === 'string' ? value.trim() : '';
    return text === '' || text.includes('\n') || Buffer.byteLength(text) > MAX_MESSAGE_BYTES ? undefined : text;
  }
}

/** Where a rule is run. */
interface Site {
  readonly path: string;
  readonly type: string;
  readonly value: unknown;
  readonly old: unknown;
  readonly variables: Variables;
  readonly correlation: Correlation;
}

function variablesOf({ schema, isResource }: RuleNode, value: unknown, old: unknown): Variables {
  const own = isResource ? asResource(schema) : schema;
  const self = jsonValue(value, own);
  if (old === undefined) return { plain: { self }, optional: { self, oldSelf: NONE } };
  const oldSelf = jsonValue(old, own);
  return { plain: { self, oldSelf }, optional: { self, oldSelf: new Optional(oldSelf) } };
}

function errorOf(at: string, { type, value }: Site, detail: string, reason: ValidationRule['reason']): FieldError {
  // Objects and lists are too long to be shown.
  const isOmitted = type === 'object' || type === 'array';
  switch (reason) {
    case 'FieldValueForbidden':
      return forbiddenField(at, detail);
    case 'FieldValueRequired':
      return required(at, detail);
    case 'FieldValueDuplicate':
      return isOmitted ? { type: 'FieldValueDuplicate', field: at, message: 'Duplicate value' } : duplicate(at, value);
    default:
      return isOmitted ? invalidOmit(at, detail) : invalid(at, value, detail);
  }
}

function fieldOf({ current, nearest }: Correlation, name: string): Correlation {
  if (current === undefined) return { current, nearest };
  // Old and new are of the same version here, so that nothing shows whether these have changed.
  if (nearest === undefined && (name === 'apiVersion' || name === 'kind'))
    return { current: undefined, nearest: undefined };
  return { current: current.field(name), nearest: current };
}

const itemOf = ({ current, nearest }: Correlation, i: number): Correlation =>
  current === undefined ? { current, nearest } : { current: current.item(i), nearest: current };
