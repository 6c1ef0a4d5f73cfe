/** Source: structured-merge-diff typed/validate.go and typed/helpers.go v6.4. The words are Go's, down to how it prints values. */
import { elementText, fieldElement, indexElement, type PathElement } from '../fieldpath/element.ts';
import { goSyntax, goValue } from '../fieldpath/text.ts';
import { itemElement, TypedError } from './item.ts';
import { type ApplyType, branchOf, isMap, type ListType, type MapType } from './type.ts';

/** All that keeps a value from being of the type; '' when nothing does. */
export function typeErrors(type: ApplyType, value: unknown): string {
  const errors: string[] = [];
  check(type, value, '', errors);
  return errors.length <= 1 ? (errors[0] ?? '') : `errors:\n${errors.map((error) => `  ${error}`).join('\n')}`;
}

const note = (errors: string[], path: string, message: string): number =>
  errors.push(path === '' ? message : `${path}: ${message}`);

function check(type: ApplyType, value: unknown, path: string, errors: string[]): void {
  if (value === null || value === undefined) return;
  switch (branchOf(type, value)) {
    case 'scalar': {
      const wrong = scalarError(type.scalar!, value);
      if (wrong !== undefined) note(errors, path, wrong);
      return;
    }
    case 'list':
      if (Array.isArray(value)) checkItems(type.list!, value, path, errors);
      else note(errors, path, `expected list, got &{${goValue(value)}}`);
      return;
    case 'map':
      if (isMap(value)) checkFields(type.map!, value, path, errors);
      else note(errors, path, `expected map, got &{${goValue(value)}}`);
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

function checkItems(list: ListType, value: readonly unknown[], path: string, errors: string[]): void {
  const seen = new Set<PathElement>();
  for (let i = 0; i < value.length; i++) {
    let element = indexElement(i);
    if (!list.atomic) {
      try {
        element = itemElement(list, value[i]);
      } catch (error) {
        if (!(error instanceof TypedError)) throw error;
        note(errors, path, `element ${i}: ${error.message}`);
        return;
      }
      if (seen.has(element)) note(errors, path, `duplicate entries for key ${elementText(element)}`);
      seen.add(element);
    }
    check(list.items, value[i], path + elementText(element), errors);
  }
}

function checkFields(map: MapType, value: Readonly<Record<string, unknown>>, path: string, errors: string[]): void {
  for (const key of Object.keys(value)) {
    const at = path + elementText(fieldElement(key));
    const type = map.fields.get(key)?.type ?? map.values;
    if (type === undefined) {
      note(errors, at, 'field not declared in schema');
      return;
    }
    check(type, value[key], at, errors);
  }
}
