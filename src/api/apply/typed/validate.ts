/** Source: structured-merge-diff typed/validate.go and typed/helpers.go v6.4. The words are Go's, down to how it prints values. */
import { elementText, fieldElement, indexElement, type PathElement, pathText } from '../fieldpath/element.ts';
import { goSyntax, goValue } from '../fieldpath/text.ts';
import { itemElement, TypedError } from './item.ts';
import { type ApplyType, branchOf, isMap, type JsonObject, type ListType, type MapType } from './type.ts';

/** All that keeps a value from being of the type; '' when nothing does. */
export function typeErrors(type: ApplyType, value: unknown): string {
  const walk: Walk = { path: [], errors: [] };
  check(type, value, walk);
  const { errors } = walk;
  return errors.length <= 1 ? (errors[0] ?? '') : `errors:\n${errors.map((error) => `  ${error}`).join('\n')}`;
}

interface Walk {
  readonly path: PathElement[];
  readonly errors: string[];
}

function note({ path, errors }: Walk, message: string): void {
  errors.push(path.length === 0 ? message : `${pathText(path)}: ${message}`);
}

function check(type: ApplyType, value: unknown, walk: Walk): void {
  if (value === null || value === undefined) return;
  switch (branchOf(type, value)) {
    case 'scalar': {
      const wrong = scalarError(type.scalar!, value);
      if (wrong !== undefined) note(walk, wrong);
      return;
    }
    case 'list':
      if (Array.isArray(value)) checkItems(type.list!, value, walk);
      else note(walk, `expected list, got &{${goValue(value)}}`);
      return;
    case 'map':
      if (isMap(value)) checkFields(type.map!, value, walk);
      else note(walk, `expected map, got &{${goValue(value)}}`);
  }
}

function scalarError(scalar: NonNullable<ApplyType['scalar']>, value: unknown): string | undefined {
  switch (scalar) {
    case 'numeric':
      return typeof value === 'number' ? undefined : `expected numeric (int or float), got ${goType(value)}`;
    case 'string':
      return typeof value === 'string'
        ? undefined
        : `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got &{${goValue(value)}}`;
    case 'untyped':
      return typeof value === 'object' ? `expected any scalar, got &{${goValue(value)}}` : undefined;
  }
}

const goType = (value: unknown): string =>
  Array.isArray(value)
    ? '[]interface {}'
    : typeof value === 'object'
      ? 'map[string]interface {}'
      : typeof value === 'boolean'
        ? 'bool'
        : 'string';

function checkItems(list: ListType, value: readonly unknown[], walk: Walk): void {
  const seen = list.atomic || value.length < 2 ? undefined : new Set<PathElement>();
  for (let i = 0; i < value.length; i++) {
    const element = list.atomic ? indexElement(i) : elementOf(list, value[i], i, walk);
    if (element === undefined) return;
    if (seen?.has(element) === true) note(walk, `duplicate entries for key ${elementText(element)}`);
    seen?.add(element);
    walk.path.push(element);
    check(list.items, value[i], walk);
    walk.path.pop();
  }
}

function elementOf(list: ListType, item: unknown, index: number, walk: Walk): PathElement | undefined {
  try {
    return itemElement(list, item);
  } catch (error) {
    if (!(error instanceof TypedError)) throw error;
    note(walk, `element ${index}: ${error.message}`);
    return undefined;
  }
}

function checkFields(map: MapType, value: JsonObject, walk: Walk): void {
  for (const key in value) {
    const field = map.fields.get(key);
    const type = field?.type ?? map.values;
    walk.path.push(field?.element ?? fieldElement(key));
    if (type === undefined) note(walk, 'field not declared in schema');
    else check(type, value[key], walk);
    walk.path.pop();
    if (type === undefined) return;
  }
}
