/** Removal of what the schema does not know. Source: apiextensions-apiserver pkg/apiserver/schema/pruning/algorithm.go v0.36. */
import { compareText } from '../apply/fieldpath/text.ts';
import type { StructuralSchema } from './schema.ts';

export interface PruneOptions {
  /** The value is an object of the API: its apiVersion, kind and metadata stay, though the schema need not know them. */
  readonly isResourceRoot: boolean;
  /** Names the fields that go, as `spec.items[0].foo`. Default: false. */
  readonly track?: boolean;
}

/** Names are long where objects are deep: no more than this much of them is told. */
const MAX_PATHS_LENGTH = 1 << 20;

class Walk {
  readonly path: string[] = [];
  readonly unknown: string[] = [];
  #left: number;

  constructor(track: boolean) {
    this.#left = track ? MAX_PATHS_LENGTH : 0;
  }

  record(key: string): void {
    if (this.#left <= 0) return;
    const path = this.path.length === 0 ? key : `${this.path.join('')}.${key}`;
    this.#left -= path.length;
    this.unknown.push(path);
  }

  /** Below a key. */
  key(key: string): void {
    this.path.push(this.path.length === 0 ? key : `.${key}`);
  }

  index(i: number): void {
    this.path.push(`[${i}]`);
  }

  up(): void {
    this.path.pop();
  }
}

/**
 * Removes from `value`, which it changes, every field that `schema` does not have; gives their paths in order if asked to. Fields of metadata
 * are left alone: {@link coerceMetadata} sees to them.
 */
export function prune(
  value: unknown,
  schema: StructuralSchema | undefined,
  { isResourceRoot, track = false }: PruneOptions,
): readonly string[] {
  const walk = new Walk(track);
  const isResource = isResourceRoot || schema?.embeddedResource === true;
  pruneValue(value, schema, isResource, schema?.preserveUnknownFields === true, walk);
  return walk.unknown.toSorted(compareText);
}

const isMetaField = (key: string): boolean => key === 'apiVersion' || key === 'kind' || key === 'metadata';

/** The schema of a key that is no property. `true` allows the key, but whatever is within is unknown. */
export const additionalSchema = ({ additionalProperties }: StructuralSchema): StructuralSchema | undefined =>
  typeof additionalProperties === 'object' ? additionalProperties : undefined;

/** `preserves`: what is unknown stays, down to the first properties. */
function pruneValue(
  value: unknown,
  schema: StructuralSchema | undefined,
  isResource: boolean,
  preserves: boolean,
  walk: Walk,
): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) {
    pruneObject(value as Record<string, unknown>, schema, isResource, preserves, walk);
    return;
  }
  const items = schema?.items;
  if (preserves && items === undefined) return;
  for (const [i, item] of value.entries()) {
    if (typeof item !== 'object') continue;
    walk.index(i);
    const itemPreserves = preserves || items?.preserveUnknownFields === true;
    pruneValue(item, items, items?.embeddedResource === true, itemPreserves, walk);
    walk.up();
  }
}

function pruneObject(
  object: Record<string, unknown>,
  schema: StructuralSchema | undefined,
  isResource: boolean,
  preserves: boolean,
  walk: Walk,
): void {
  for (const key of Object.keys(object)) {
    if (isResource && isMetaField(key)) continue;
    const property = schema?.properties.get(key);
    if (property !== undefined || (schema !== undefined && schema.additionalProperties !== undefined)) {
      const value = object[key];
      if (typeof value !== 'object' || value === null) continue;
      const below = property ?? additionalSchema(schema!);
      walk.key(key);
      pruneValue(value, below, below?.embeddedResource === true, below?.preserveUnknownFields === true, walk);
      walk.up();
    } else if (!preserves) {
      // Type and metadata of the root are never spoken of, whatever the schema says.
      if (!isMetaField(key) || walk.path.length > 0) walk.record(key);
      delete object[key];
    }
  }
}
