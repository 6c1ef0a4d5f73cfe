/** Rules of one node of a schema, compiled. Source: apiextensions-apiserver pkg/apiserver/schema/cel/compilation.go v1.36. */
import type { StructuralSchema } from '#api';
import {
  BOOL,
  compile,
  CompileError,
  type Declarations,
  declare,
  type DeclType,
  estimate,
  type Expression,
  mentions,
  optionalType,
  program,
  type Program,
  ProgramError,
  sizesOf,
  STRING,
  type Type,
} from '#cel';
import { rulePath } from './field-path.ts';

export type ValidationRule = StructuralSchema['validations'][number];

/** Source: apiserver pkg/apis/cel/config.go MaxRequestSizeBytes. */
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
/** Names of types begin so in errors; upstream adds the nanosecond of the compilation. */
const SELF_TYPE = 'selfType';

/** A program with what it can cost. */
interface Costed {
  readonly program: Program;
  readonly maxCost: number;
}

export interface CompiledRule {
  readonly rule: ValidationRule;
  /** Undefined when the rule is empty, or wrong. */
  readonly program: Program | undefined;
  /** Why there is no program. */
  readonly error: string | undefined;
  readonly usesOldSelf: boolean;
  readonly maxCost: number;
  readonly messageExpression: Costed | undefined;
  readonly messageError: string | undefined;
  /** Where the error stands, below the node; '' for the node itself. */
  readonly fieldPath: string;
}

/** How often a value can occur in one request. */
export const maxCardinality = ({ minBytes }: DeclType): number => Math.floor(MAX_REQUEST_BYTES / (minBytes + 1));

/** Compiles rules about values of a type, one a step. `schema` is the node's, for the paths of fields. */
export function* compileNode(
  rules: readonly ValidationRule[],
  schema: StructuralSchema,
  decl: DeclType,
): Generator<void, readonly CompiledRule[]> {
  const { type, structs } = declare(decl, SELF_TYPE);
  const declarations = (oldSelf: Type): Declarations => ({
    structs,
    variables: new Map([
      ['self', type],
      ['oldSelf', oldSelf],
    ]),
  });
  const plain = declarations(type);
  const optional = declarations(optionalType(type));
  const made: CompiledRule[] = [];
  for (const rule of rules) {
    made.push(compileRule(rule, schema, decl, rule.optionalOldSelf === true ? optional : plain));
    yield;
  }
  return made;
}

const EMPTY = {
  program: undefined,
  error: undefined,
  usesOldSelf: false,
  maxCost: 0,
  messageExpression: undefined,
  messageError: undefined,
  fieldPath: '',
};

function compileRule(
  rule: ValidationRule,
  schema: StructuralSchema,
  decl: DeclType,
  declarations: Declarations,
): CompiledRule {
  if (rule.rule.trim() === '') return { ...EMPTY, rule };
  const expression = compiled(rule.rule, declarations);
  if (typeof expression === 'string') return { ...EMPTY, rule, error: `compilation failed: ${expression}` };
  if (expression.type !== BOOL) return { ...EMPTY, rule, error: 'cel expression must evaluate to a bool' };
  const usesOldSelf = mentions(expression, 'oldSelf');
  const made = costed(expression, decl);
  if (typeof made === 'string') {
    return { ...EMPTY, rule, usesOldSelf, error: `program instantiation failed: ${made}` };
  }
  const message = compileMessage(rule.messageExpression ?? '', decl, declarations);
  return {
    ...EMPTY,
    ...made,
    rule,
    usesOldSelf,
    ...(typeof message === 'string' ? { messageError: message } : { messageExpression: message }),
    fieldPath: (rule.fieldPath ?? '') === '' ? '' : (rulePath(rule.fieldPath!, schema) ?? ''),
  };
}

/** The program, or why there is none; undefined: there is no expression. */
function compileMessage(text: string, decl: DeclType, declarations: Declarations): Costed | string | undefined {
  if (text === '') return undefined;
  const expression = compiled(text, declarations);
  if (typeof expression === 'string') return `messageExpression compilation failed: ${expression}`;
  if (expression.type !== STRING) return 'messageExpression must evaluate to a string';
  const made = costed(expression, decl);
  return typeof made === 'string' ? `messageExpression instantiation failed: ${made}` : made;
}

function compiled(text: string, declarations: Declarations): Expression | string {
  try {
    return compile(text, declarations);
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
}

function costed(expression: Expression, decl: DeclType): Costed | string {
  try {
    return { program: program(expression), maxCost: estimate(expression, sizesOf(decl)).max };
  } catch (error) {
    if (error instanceof ProgramError) return error.message;
    throw error;
  }
}
