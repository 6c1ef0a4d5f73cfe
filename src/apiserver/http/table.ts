import type { Kind, KubeObject } from '#api';

/** What of an object a table row carries. Source: meta/v1 IncludeObjectPolicy. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export const includeObjectOf = (text: string | undefined): IncludeObject =>
  text === 'None' || text === 'Object' ? text : 'Metadata';

/** Columns as the wire has them; upstream's descriptions are prose of its own and stay empty here. */
export function columnDefinitions(kind: Kind): object[] {
  return kind.columns.map(({ name, type, format, priority }) => ({
    name,
    type,
    format: format ?? '',
    description: '',
    priority: priority ?? 0,
  }));
}

export function tableRow(kind: Kind, object: KubeObject, include: IncludeObject, nowMs: number): object {
  const { cells, conditions } = kind.row(object, { nowMs });
  return {
    cells,
    ...(conditions === undefined ? {} : { conditions }),
    object: include === 'None' ? null : include === 'Object' ? object : partialMetadata(object),
  };
}

/** A meta.k8s.io/v1 Table; `columns` false leaves the definitions out, as all but the first event of a watch do. */
export function table(
  kind: Kind,
  objects: readonly KubeObject[],
  options: { include: IncludeObject; nowMs: number; columns: boolean; metadata: object },
): object {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.metadata,
    columnDefinitions: options.columns ? columnDefinitions(kind) : null,
    rows: objects.map((object) => tableRow(kind, object, options.include, options.nowMs)),
  };
}

export const partialMetadata = ({ metadata }: KubeObject): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
});
