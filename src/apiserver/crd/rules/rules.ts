/**
 * `x-kubernetes-validations` of custom resources. Rules are compiled once for a schema and run on every write; what they may cost is
 * bounded for each and for all together. Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go v1.36.
 */
import { Correlated, type FieldError, type StructuralSchema } from '#api';
import { declTypeOf, type DeclType, escapeName } from '#cel';
import { type CompiledRule, compileNode } from './compile.ts';
import { Run } from './run.ts';

export { ruleErrors, type RuleErrorOptions } from './definition.ts';

/** Source: apiserver pkg/apis/cel/config.go RuntimeCELCostBudget. */
const BUDGET = 10_000_000;

export interface RuleOptions {
  /** Where the value stands; '' for a whole object, which errors call `<nil>` as upstream does. */
  readonly path: string;
  /** What all rules together may cost. */
  readonly budget?: number;
  /** Asked now and then: whether nobody waits for the result any more. */
  readonly interrupted?: () => boolean;
  /** Told of what is wrong, but was so before and has not changed. */
  readonly warn?: (text: string) => void;
}

/** Rules of a schema, ready to run. */
export interface CompiledRules {
  /** `old`: what the value replaces; undefined when it is new. */
  validate(value: unknown, old: unknown, options: RuleOptions): FieldError[];
}

/** Rules of a node and of those below it. */
export interface RuleNode {
  readonly schema: StructuralSchema;
  readonly isResource: boolean;
  readonly rules: readonly CompiledRule[];
  /** Why there are none although the schema has some. */
  readonly error: string | undefined;
  readonly items: RuleNode | undefined;
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly additionalProperties: RuleNode | undefined;
  readonly allOf: readonly RuleNode[];
}

/** In steps of a rule each. Undefined: the schema has no rules. */
export function* compileRules(schema: StructuralSchema): Generator<void, CompiledRules | undefined> {
  if (!schema.holds.validations) return undefined;
  const root = yield* nodeOf(schema, schema, true, declTypeOf(schema, true));
  if (root === undefined) return undefined;
  return {
    validate(value, old, options) {
      const run = new Run(options.budget ?? BUDGET, options);
      const correlated = old === undefined ? undefined : new Correlated(value, old, schema);
      run.node(root, options.path, value, old, { kind: 'root', root: correlated });
      return run.errors;
    },
  };
}

/** `rules`: where the rules come from, the schema itself or what it wants besides (`allOf`). */
function* nodeOf(
  rules: StructuralSchema,
  schema: StructuralSchema,
  isResource: boolean,
  decl: DeclType | undefined,
): Generator<void, RuleNode | undefined> {
  const { validations } = rules;
  const untyped = validations.length > 0 && decl === undefined;
  const below = (next: StructuralSchema, own: StructuralSchema): Generator<void, RuleNode | undefined> =>
    nodeOf(next, own, own.embeddedResource, decl?.element);
  const allOf: RuleNode[] = [];
  for (const nested of rules.allOf) {
    const made = yield* nodeOf(nested, schema, isResource, decl);
    if (made !== undefined) allOf.push(made);
  }
  const node: RuleNode = {
    schema,
    isResource,
    rules: decl === undefined || validations.length === 0 ? [] : yield* compileNode(validations, schema, decl),
    error: untyped ? 'failed to convert to declType for CEL validation rules' : undefined,
    items:
      rules.items === undefined || schema.items === undefined ? undefined : yield* below(rules.items, schema.items),
    properties: yield* propertiesOf(rules, schema, decl),
    additionalProperties:
      typeof rules.additionalProperties === 'object' && typeof schema.additionalProperties === 'object'
        ? yield* below(rules.additionalProperties, schema.additionalProperties)
        : undefined,
    allOf,
  };
  const isEmpty =
    node.rules.length === 0 &&
    node.error === undefined &&
    node.items === undefined &&
    node.properties.size === 0 &&
    node.additionalProperties === undefined &&
    node.allOf.length === 0;
  return isEmpty ? undefined : node;
}

function* propertiesOf(
  rules: StructuralSchema,
  schema: StructuralSchema,
  decl: DeclType | undefined,
): Generator<void, ReadonlyMap<string, RuleNode>> {
  const nodes = new Map<string, RuleNode>();
  for (const [name, nested] of rules.properties) {
    const property = schema.properties.get(name);
    if (property === undefined) continue;
    const escaped = escapeName(name);
    // What has no type in expressions has no rules; what only has no name has.
    const type = escaped === undefined ? declTypeOf(property, property.embeddedResource) : decl?.fields?.get(escaped);
    if (type === undefined) continue;
    const node = yield* nodeOf(nested, property, property.embeddedResource, type);
    if (node !== undefined) nodes.set(name, node);
  }
  return nodes;
}
