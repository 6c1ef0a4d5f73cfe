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
interface Correlation {
  readonly current: Correlated | undefined;
  readonly nearest: Correlated | undefined;
}

/** How a value was come to from the root. Only a rule that does not hold asks for what was there before. */
export type Trail =
  | { readonly kind: 'root'; readonly root: Correlated | undefined }
  | { readonly kind: 'field'; readonly above: Trail; readonly name: string }
  | { readonly kind: 'item'; readonly above: Trail; readonly i: number }
  | { readonly kind: 'allOf'; readonly above: Trail };

/** Whether a value, or the nearest above it that has an old one, is what it was. */
function isUnchanged(trail: Trail): boolean {
  const { current, nearest } = correlationOf(trail);
  return (current ?? nearest)?.isUnchanged() === true;
}

function correlationOf(trail: Trail): Correlation {
  if (trail.kind === 'root') return { current: trail.root, nearest: undefined };
  const above = correlationOf(trail.above);
  if (trail.kind === 'allOf') return { current: undefined, nearest: above.nearest };
  const { current, nearest } = above;
  if (current === undefined) return above;
  if (trail.kind === 'item') return { current: current.item(trail.i), nearest: current };
  // Old and new are of the same version here, so that nothing shows whether these have changed.
  if (nearest === undefined && (trail.name === 'apiVersion' || trail.name === 'kind'))
    return { current: undefined, nearest: undefined };
  return { current: current.field(trail.name), nearest: current };
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
  node(node: RuleNode, path: string, value: unknown, old: unknown, trail: Trail): void {
    if (value === null || value === undefined) return;
    this.#rules(node, path, value, old ?? undefined, trail);
    if (this.#budget < 0) return;
    for (const nested of node.allOf) {
      this.node(nested, path, value, old, { kind: 'allOf', above: trail });
      if (this.#budget < 0) return;
    }
    if (Array.isArray(value)) this.#items(node, path, value, old, trail);
    else if (typeof value === 'object') this.#fields(node, path, value as JsonObject, old, trail);
  }

  #items(node: RuleNode, path: string, value: readonly unknown[], old: unknown, trail: Trail): void {
    if (node.items === undefined) return;
    const before = oldItems(node.schema, Array.isArray(old) ? old : []);
    for (const [i, item] of value.entries()) {
      this.node(node.items, index(path, i), item, before(item), { kind: 'item', above: trail, i });
      if (this.#budget < 0) return;
    }
  }

  #fields(node: RuleNode, path: string, value: JsonObject, old: unknown, trail: Trail): void {
    const { additionalProperties, properties, schema } = node;
    const isObject = typeof old === 'object' && old !== null && !Array.isArray(old);
    const before = isObject && correlates(schema) ? (old as JsonObject) : {};
    const oldOf = (name: string): unknown => (Object.hasOwn(before, name) ? before[name] : undefined);
    const visit = (next: RuleNode | undefined, name: string, at: string): void => {
      if (next === undefined || this.#budget < 0) return;
      this.node(next, at, value[name], oldOf(name), { kind: 'field', above: trail, name });
    };
    const names = Object.keys(value);
    for (const name of additionalProperties === undefined ? [] : names)
      visit(additionalProperties, name, keyPath(path, name));
    for (const name of properties.size === 0 ? [] : names) visit(properties.get(name), name, child(path, name));
  }

  #rules(node: RuleNode, path: string, value: unknown, old: unknown, trail: Trail): void {
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
      this.#rule(compiled, { path, type, value, old, variables, trail });
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
  #add({ usesOldSelf }: CompiledRule, { trail }: Site, error: FieldError): void {
    if (!usesOldSelf && isUnchanged(trail)) this.#options.warn?.(fieldErrorText(error));
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
  readonly trail: Trail;
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
