/** JSONPath as kubectl and printer columns have it. Source: client-go util/jsonpath v0.36. */
import { goJson } from '../apply/fieldpath/text.ts';
import { numberText } from '../number.ts';
import { findResults } from './evaluate.ts';
import { parseTemplate } from './parse.ts';

export { JSONPathError } from './node.ts';

export interface JSONPath {
  /** What each part of the template finds, in order: one list for each text and each pair of braces. Throws JSONPathError. */
  findResults(value: unknown): readonly (readonly unknown[])[];
}

/**
 * Reads a template, as `{.spec.replicas}`. With `allowMissingKeys`, a field that is not there is no error but no result. Throws JSONPathError.
 */
export function parseJSONPath(
  template: string,
  { allowMissingKeys = false }: { readonly allowMissingKeys?: boolean } = {},
): JSONPath {
  const nodes = parseTemplate(template);
  return { findResults: (value) => findResults(nodes, value, allowMissingKeys) };
}

/** Results as text: values that are no scalars as JSON, one space between. */
export const printResults = (results: readonly unknown[]): string => results.map(printed).join(' ');

function printed(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return numberText(value);
  return value === undefined ? 'null' : goJson(value);
}
