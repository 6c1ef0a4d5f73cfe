/** Every field of a definition, with an object that has that field and nothing but what leads to it. */
import { definitionOf, fieldOf, findDefinition, splitType } from '../schema.ts';

export interface Place {
  /** `spec.containers[].image`, `metadata.labels{}`. */
  readonly path: string;
  /** `T`, `[]T` or `{}T`. */
  readonly type: string;
  /** A fresh object of the whole definition, the field set to `value`. */
  with(value: unknown): Record<string, unknown>;
}

const MAX_DEPTH = 14;

/** Definitions that contain themselves are walked once on each way down. */
export function* places(definition: string, skip: ReadonlySet<string> = new Set()): Generator<Place> {
  yield* walk(definition, '', (value) => value as Record<string, unknown>, [definition], skip);
}

function* walk(
  definition: string,
  path: string,
  wrap: (value: object) => Record<string, unknown>,
  above: readonly string[],
  skip: ReadonlySet<string>,
): Generator<Place> {
  for (const [name, { t }] of Object.entries(definitionOf(definition).fields)) {
    const { container, of } = splitType(t);
    const at = path === '' ? name : `${path}.${name}`;
    const put = (value: unknown): Record<string, unknown> => wrap({ [name]: value });
    yield { path: at, type: t, with: put };
    if (!of.includes('.') || definitionOf(of).bare === 1) continue;
    if (above.includes(of) || above.length > MAX_DEPTH || skip.has(of)) continue;
    const [mark, around] =
      container === 'list'
        ? ['[]', (value: object): unknown => [value]]
        : container === 'map'
          ? ['{}', (value: object): unknown => ({ key: value })]
          : ['', (value: object): unknown => value];
    yield* walk(of, `${at}${mark}`, (value) => put(around(value)), [...above, of], skip);
  }
}

/** Whether a path as messages have it (`spec.ports[0].name`, `data[key]`) leads through fields of the definition. */
export function isFieldPath(definition: string, path: string): boolean {
  let type = definition;
  for (const part of path.match(/\[[^\]]*\]|[^.[\]]+/g) ?? []) {
    const { container, of } = splitType(type);
    if (part.startsWith('[')) {
      if (container === undefined) return false;
      type = of;
      continue;
    }
    if (container !== undefined) return false;
    const field = findDefinition(type) === undefined ? undefined : fieldOf(definitionOf(type), part);
    if (field === undefined) return type === 'Raw';
    type = field.t;
  }
  return true;
}
