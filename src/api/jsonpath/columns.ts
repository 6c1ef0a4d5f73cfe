/** Tables of custom resources. Source: apiextensions-apiserver pkg/registry/customresource/tableconvertor/tableconvertor.go v0.36. */
import type { CustomResourceColumnDefinition } from '../generated/apiextensions.v1.ts';
import type { Column, KubeObject, Row } from '../kind.ts';
import { NAME, sinceText } from '../table.ts';
import { parseTime } from '../time.ts';
import { type JSONPath, JSONPathError, parseJSONPath, printResults } from './jsonpath.ts';

type Cell = string | number | boolean | null;

export interface CustomColumns {
  readonly columns: readonly Column[];
  row(object: KubeObject, context: { readonly nowMs: number }): Row;
}

/** What is shown when a version says nothing of columns. */
const DEFAULT: readonly CustomResourceColumnDefinition[] = [
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

/** The columns a version has beside the name; those behind one whose path cannot be read are left out. */
export function customColumns(definitions: readonly CustomResourceColumnDefinition[] | undefined): CustomColumns {
  const columns: Column[] = [NAME];
  const cells: ((object: KubeObject, nowMs: number) => Cell)[] = [];
  for (const definition of definitions === undefined || definitions.length === 0 ? DEFAULT : definitions) {
    const path = readPath(definition.jsonPath);
    if (path === undefined) break;
    const { name, type, format = '', priority = 0, description = '' } = definition;
    columns.push({
      name,
      type: type as Column['type'],
      ...(format === '' ? {} : { format }),
      ...(priority === 0 ? {} : { priority }),
      description:
        description === ''
          ? `Custom resource definition column (in JSONPath format): ${definition.jsonPath}`
          : description,
    });
    cells.push((object, nowMs) => cellOf(path, type, object, nowMs));
  }
  return {
    columns,
    row: (object, { nowMs }) => ({ cells: [object.metadata.name, ...cells.map((cell) => cell(object, nowMs))] }),
  };
}

function readPath(jsonPath: string): JSONPath | undefined {
  try {
    return parseJSONPath(`{${jsonPath}}`, { allowMissingKeys: true });
  } catch (error) {
    if (error instanceof JSONPathError) return undefined;
    throw error;
  }
}

/** The first result; none where there is none, or the path does not fit the object. */
function cellOf(path: JSONPath, type: string, object: KubeObject, nowMs: number): Cell {
  let value: unknown;
  try {
    const [results = []] = path.findResults(object);
    if (results.length === 0) return null;
    value = results[0];
  } catch (error) {
    if (error instanceof JSONPathError) return null;
    throw error;
  }
  // A null is printed as what was not found at all.
  if (type === 'string') return value === null ? '<no value>' : printResults([value]);
  return typedCell(value, type, nowMs);
}

function typedCell(value: unknown, type: string, nowMs: number): Cell {
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageText(value, nowMs) : null;
    default:
      return null;
  }
}

function ageText(time: string, nowMs: number): string {
  if (time === '' || time === 'null') return '<unknown>';
  try {
    const { seconds } = parseTime(time);
    return sinceText(seconds * 1000, nowMs);
  } catch {
    return '<invalid>';
  }
}
