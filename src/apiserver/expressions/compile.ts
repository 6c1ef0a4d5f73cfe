import { type FieldError, invalid } from '#api';
import {
  compile,
  CompileError,
  type Declarations,
  type Expression,
  program,
  ProgramError,
  sameType,
  type Type,
} from '#cel';

/** What became of an expression: what it is, or why it is none. */
export type Compiled =
  | { readonly expression: Expression; readonly error?: undefined }
  | { readonly expression?: undefined; readonly error: ExpressionError };

interface ExpressionError {
  readonly detail: string;
  /** Not the expression's own fault, as upstream sees it. */
  readonly internal: boolean;
}

const failed = (detail: string, internal = false): Compiled => ({ error: { detail, internal } });

/** Compiles an expression whose type must please. `judge`: what is wrong with the type; undefined: nothing. */
export function compiled(
  text: string,
  declarations: Declarations,
  judge: (type: Type) => string | undefined,
): Compiled {
  let expression: Expression;
  try {
    expression = compile(text, declarations);
  } catch (error) {
    if (error instanceof CompileError) return failed(`compilation failed: ${error.message}`);
    throw error;
  }
  const why = judge(expression.type);
  if (why !== undefined) return failed(why);
  try {
    program(expression);
  } catch (error) {
    if (error instanceof ProgramError) return failed(`program instantiation failed: ${error.message}`, true);
    throw error;
  }
  return { expression };
}

/** One of these types exactly. Source: CompileCELExpression of apiserver pkg/admission/plugin/cel/compile.go v1.36. */
export const oneOf =
  (...wanted: readonly Type[]) =>
  (type: Type): string | undefined => {
    if (wanted.some((each) => sameType(each, type))) return undefined;
    return wanted.length === 1
      ? `must evaluate to ${String(wanted[0])} but got ${String(type)}`
      : `must evaluate to one of [${wanted.join(' ')}] but got ${String(type)}`;
  };

/** The error of a field that holds the expression. */
export const expressionError = (path: string, text: string, { detail, internal }: ExpressionError): FieldError =>
  internal ? { type: 'InternalError', field: path, message: `Internal error: ${detail}` } : invalid(path, text, detail);
