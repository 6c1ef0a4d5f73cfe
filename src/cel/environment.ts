/** The language as Kubernetes v1.36 has it. Source: apiserver pkg/cel/environment/base.go v1.36. */
import { check } from './check/checker.ts';
import { type Declarations, type Functions, functionsOf } from './check/declarations.ts';
import type { Type } from './check/types.ts';
import { validate } from './check/validators.ts';
import { type Estimate, estimateCost, type Sizes } from './cost/estimate.ts';
import { attribute, plan } from './eval/interpreter.ts';
import { Scope } from './eval/scope.ts';
import { authzLibrary } from './library/kubernetes/authz.ts';
import { formatLibrary } from './library/kubernetes/formats.ts';
import { ipLibrary } from './library/kubernetes/ip.ts';
import { jsonPatchLibrary } from './library/kubernetes/jsonpatch.ts';
import { quantityLibrary } from './library/kubernetes/quantity.ts';
import { semverLibrary } from './library/kubernetes/semver.ts';
import { urlLibrary } from './library/kubernetes/url.ts';
import { listLibrary } from './library/lists.ts';
import { mapInsertLibrary, optionalLibrary } from './library/optionals.ts';
import { regexLibrary } from './library/regex.ts';
import { standardLibrary } from './library/standard.ts';
import { stringLibrary } from './library/strings.ts';
import { childrenOf, type Node } from './syntax/ast.ts';
import { parse } from './syntax/parser.ts';
import { CompileError, Issues } from './syntax/source.ts';
import { EvalCancelled, Meter } from './values/meter.ts';
import { CelError, type Value } from './values/value.ts';

/** The libraries in the order upstream adds them. */
const LIBRARIES = [
  standardLibrary,
  urlLibrary,
  regexLibrary,
  listLibrary,
  authzLibrary,
  optionalLibrary,
  quantityLibrary,
  stringLibrary,
  ipLibrary,
  formatLibrary,
  mapInsertLibrary,
  semverLibrary,
];
const FUNCTIONS = functionsOf(...LIBRARIES);

/** Functions of expressions that make patches. */
export const patchFunctions = functionsOf(...LIBRARIES, jsonPatchLibrary);

/** An expression whose types are right. */
export interface Expression {
  readonly node: Node;
  readonly type: Type;
  readonly functions: Functions;
}

/** What one evaluation came to, and what it cost. */
export interface Outcome {
  /** An error where there is none. */
  readonly value: Value;
  readonly cost: number;
}

export interface EvalOptions {
  /** Evaluation ends when it costs more. */
  readonly costLimit: number;
  /** Asked now and then within loops. */
  readonly interrupted?: (() => boolean) | undefined;
}

export interface Program {
  /** Variables by name; one that is not there is an error only where it is read. Never throws for what an expression does. */
  evaluate(variables: Readonly<Record<string, Value>>, options: EvalOptions): Outcome;
}

/** Parses and checks. Throws CompileError, with the words of cel-go. */
export function compile(text: string, declarations: Declarations): Expression {
  const { functions = FUNCTIONS } = declarations;
  try {
    const node = parse(text, declarations);
    const issues = new Issues(text);
    check(node, functions, declarations, issues);
    issues.throwIfAny();
    validate(node, functions, issues);
    issues.throwIfAny();
    return { node, type: node.type!, functions };
  } catch (error) {
    // The limits of depth are for a stack of the usual size.
    if (error instanceof RangeError) throw new CompileError('ERROR: <input>:-1:0: max recursion depth exceeded');
    throw error;
  }
}

/** Whether an expression reads a variable. */
export function mentions({ node }: Expression, variable: string): boolean {
  const visit = (n: Node): boolean =>
    (n.kind === 'ident' && n.name === variable) ||
    (n.kind === 'select' && n.qualified?.name === variable) ||
    childrenOf(n).some(visit);
  return visit(node);
}

/** What evaluation can cost at least and at most. */
export const estimate = ({ node }: Expression, sizes: Sizes): Estimate => estimateCost(node, sizes);

/** Makes an expression ready to run. Throws ProgramError where a constant part of it cannot work. */
export function program({ node, functions }: Expression): Program {
  const scope = new Scope(functions, { plan, attribute });
  const { eval: run } = plan(node, scope);
  return {
    evaluate(variables, { costLimit, interrupted }) {
      const meter = new Meter(costLimit, interrupted);
      try {
        const slots: (Value | undefined)[] = [];
        return { value: run({ meter, slots, variables }), cost: meter.cost };
      } catch (error) {
        return { value: failure(error), cost: meter.cost };
      }
    },
  };
}

function failure(error: unknown): CelError {
  if (error instanceof EvalCancelled) return new CelError(error.message);
  // Values nested deeper than the stack, texts longer than the engine has them.
  if (error instanceof RangeError) return new CelError(`internal error: ${error.message}`);
  throw error;
}
