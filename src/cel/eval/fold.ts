/** Loops over lists and maps. Source: cel-go interpreter/interpretable.go evalFold v0.26. */
import type { Type } from '../check/types.ts';
import type { Comprehension, Node } from '../syntax/ast.ts';
import { ArrayList, EMPTY_LIST, EntryMap, GrowingList } from '../values/containers.ts';
import { CelError, List, MapValue, typeOf, type Value } from '../values/value.ts';
import type { Eval, Scope, State } from './scope.ts';

interface Loop {
  readonly iterSlot: number;
  readonly iterSlot2: number;
  readonly two: boolean;
  readonly accuSlot: number;
  readonly condition: Eval;
  /** The condition is `true`. */
  readonly always: boolean;
  readonly step: Eval;
}

export function fold(node: Comprehension, scope: Scope): Eval {
  const range = scope.plan(node.range).eval;
  const init = scope.plan(node.init).eval;
  const [accuSlot, iterSlot, iterSlot2] = [scope.slot(), scope.slot(), scope.slot()];
  const accu: readonly [string, Eval] = [node.accuVar, read(accuSlot)];
  const variables: (readonly [string, Eval])[] = [accu, [node.iterVar, read(iterSlot)]];
  if (node.iterVar2 !== undefined) variables.push([node.iterVar2, read(iterSlot2)]);
  const parts = (part: Node): Eval => scope.within(variables, () => scope.plan(part).eval);
  const loop: Loop = {
    iterSlot,
    iterSlot2,
    two: node.iterVar2 !== undefined,
    accuSlot,
    condition: parts(node.condition),
    always: node.condition.kind === 'literal' && node.condition.value === true,
    step: parts(node.step),
  };
  const result = scope.within([accu], () => scope.plan(node.result).eval);
  return (state) => {
    const values = range(state);
    if (values instanceof CelError) return values;
    const first = init(state);
    // What is gathered belongs to this loop alone until it ends.
    state.slots[accuSlot] = first === EMPTY_LIST ? new GrowingList() : isEmptyMap(first) ? new EntryMap() : first;
    const wrong = run(state, loop, values);
    const gathered = state.slots[accuSlot];
    if (gathered instanceof GrowingList) state.slots[accuSlot] = new ArrayList(gathered.items);
    return wrong ?? result(state);
  };
}

const isEmptyMap = (value: Value): boolean => value instanceof EntryMap && value.size === 0;

const read =
  (slot: number): Eval =>
  ({ slots }) =>
    slots[slot]!;

/** What Go calls the types of values, which these errors quote. */
const GO_TYPES: Partial<Record<Type['kind'], string>> = {
  bool: 'types.Bool',
  bytes: 'types.Bytes',
  double: 'types.Double',
  duration: 'types.Duration',
  int: 'types.Int',
  null: 'types.Null',
  string: 'types.String',
  timestamp: 'types.Timestamp',
  type: '*types.Type',
  uint: 'types.Uint',
};

/** The error of a range that is none. */
function run(state: State, loop: Loop, values: Value): CelError | undefined {
  if (values instanceof List) {
    for (let i = 0; i < values.size; i++) {
      if (!once(state, loop, loop.two ? i : values.at(i), loop.two ? values.at(i) : null)) break;
    }
    return undefined;
  }
  if (values instanceof MapValue) {
    for (const key of values.keys()) {
      if (!once(state, loop, key, loop.two ? values.find(key)! : null)) break;
    }
    return undefined;
  }
  const name = GO_TYPES[typeOf(values).kind] ?? typeOf(values).name;
  return new CelError(
    loop.two ? `unsupported comprehension range type: ${name}` : `got '${name}', expected iterable type`,
  );
}

/** One element; false: the loop ends. */
function once(state: State, loop: Loop, first: Value, second: Value): boolean {
  const { slots } = state;
  slots[loop.iterSlot] = first;
  slots[loop.iterSlot2] = second;
  if (!loop.always && loop.condition(state) === false) return false;
  slots[loop.accuSlot] = loop.step(state);
  state.meter.iteration();
  return true;
}
