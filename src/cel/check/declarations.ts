/** What an expression may speak of: functions with their overloads, variables, types. */
import type { Meter } from '../values/meter.ts';
import type { Value } from '../values/value.ts';
import type { Type } from './types.ts';

/** Arguments, with the receiver first. They are of the types declared: others do not come here. An error is returned, not thrown. */
export type Implementation = (args: readonly Value[], meter: Meter) => Value;

export interface Overload {
  readonly id: string;
  readonly isMember: boolean;
  readonly args: readonly Type[];
  readonly result: Type;
  /** Undefined: the interpreter knows the function itself. */
  readonly run: Implementation | undefined;
}

export interface FunctionDecl {
  readonly name: string;
  readonly overloads: readonly Overload[];
  /**
   * One implementation of all overloads, which looks at the types itself; errors have no types in their words then. `traits`: kinds of
   * first arguments it knows.
   */
  readonly single?: Implementation;
  readonly traits?: ReadonlySet<Type['kind']>;
}

export type Functions = ReadonlyMap<string, FunctionDecl>;

/** Fields of an object type. */
export interface StructFields {
  readonly fields: Pick<ReadonlyMap<string, Type>, 'get'>;
}

/** Variables and types of one kind of expression; functions are the same for nearly all. */
export interface Declarations {
  readonly variables: ReadonlyMap<string, Type>;
  /** By name. Only these can be selected from by name; unknown ones have no fields. */
  readonly structs: Pick<ReadonlyMap<string, StructFields>, 'has' | 'get'>;
  /** In place of those that all have. */
  readonly functions?: Functions;
  /** There is `cel.bind`. */
  readonly binds?: true;
}

export const overload = (id: string, args: readonly Type[], result: Type, run?: Implementation): Overload => ({
  id,
  isMember: false,
  args,
  result,
  run,
});

export const member = (id: string, args: readonly Type[], result: Type, run?: Implementation): Overload => ({
  ...overload(id, args, result, run),
  isMember: true,
});

export const fn = (name: string, ...overloads: readonly Overload[]): FunctionDecl => ({ name, overloads });

/** Several libraries may add overloads to one name. Source: decls.FunctionDecl.Merge. */
export function functionsOf(...libraries: readonly (readonly FunctionDecl[])[]): Functions {
  const functions = new Map<string, FunctionDecl>();
  for (const declared of libraries.flat()) {
    const known = functions.get(declared.name);
    functions.set(
      declared.name,
      known === undefined ? declared : { ...known, overloads: [...known.overloads, ...declared.overloads] },
    );
  }
  return functions;
}
