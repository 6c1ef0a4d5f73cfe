import type { Kind, KubeObject } from '#api';
import { splitPath } from './nested.ts';

/**
 * Fields objects may be selected by: label → value. Definitions allow simple paths to scalars only. Source: selectableFields of
 * apiextensions-apiserver pkg/registry/customresource/strategy.go v0.36.
 */
export function selectableFields(
  fields: readonly { readonly jsonPath: string }[],
): NonNullable<Kind['selectableFields']> {
  return Object.fromEntries(
    fields.map(({ jsonPath }) => {
      const parts = splitPath(jsonPath);
      return [parts.join('.'), (object: KubeObject) => scalarText(valueAt(object, parts))];
    }),
  );
}

function valueAt(object: KubeObject, parts: readonly string[]): unknown {
  let value: unknown = object;
  for (const part of parts) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

const scalarText = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
