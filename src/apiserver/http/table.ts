import {
  ageOf,
  badRequest,
  invalid,
  type Kind,
  type KubeObject,
  type Row,
  rowText,
  type Scale,
  StatusError,
  timelessRow,
} from '#api';
import type { Resource } from '../registry/resource.ts';
import type { Entry } from '../watchcache/entry.ts';
import type { Conversion } from './negotiate.ts';

/** What of an object a table row carries. Source: meta/v1 IncludeObjectPolicy. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** Source: ValidateTableOptions of apimachinery pkg/apis/meta/v1beta1/validation v0.36, optionsForTransform of handlers/response.go. */
export function includeObjectOf(text: string | undefined): IncludeObject {
  switch (text) {
    case undefined:
    case '':
      return 'Metadata';
    case 'None':
    case 'Metadata':
    case 'Object':
      return text;
    default: {
      const { field, message } = invalid('includeObject', text, "must be 'Metadata', 'Object', 'None', or empty");
      throw badRequest(`Unable to convert to Table as requested: ${field}: ${message}`);
    }
  }
}

/** Columns as the wire has them; upstream's descriptions are prose of its own and stay empty here, but not those of a definition. */
export function columnDefinitions(kind: Kind): object[] {
  return kind.columns.map(({ name, type, format, priority, description }) => ({
    name,
    type,
    format: format ?? '',
    description: description ?? '',
    priority: priority ?? 0,
  }));
}

export function tableRow(
  kind: Kind,
  object: KubeObject,
  { include, nowMs, apiVersion }: { include: IncludeObject; nowMs: number; apiVersion: string },
): object {
  const { cells, conditions } = kind.row(object, { nowMs });
  return {
    cells,
    ...(conditions === undefined ? {} : { conditions }),
    object: include === 'None' ? null : include === 'Object' ? object : partialMetadata(object, apiVersion),
  };
}

export interface RowOptions {
  readonly include: IncludeObject;
  readonly nowMs: number;
  readonly apiVersion: string;
}

/** How a row without its object ends. */
const NO_OBJECT = 'null}';

/** JSON of {@link tableRow}: what the kind's printer said of an entry is kept with it, and what of the object goes along is taken over as it is stored. */
export function tableRowText(resource: Resource, entry: Entry, options: RowOptions): string {
  const { kind } = resource;
  const { include, nowMs, apiVersion } = options;
  // Columns of custom resources may show anything of the object.
  const row =
    resource.isStored && kind.custom === undefined
      ? entry.row((object) => timelessRow(kind, object, bareRow))
      : undefined;
  const bare =
    row === undefined
      ? JSON.stringify(tableRow(kind, resource.object(entry), { ...options, include: 'None' }))
      : rowText(row, nowMs);
  if (include === 'None') return bare;
  const object = include === 'Object' ? resource.bytes(entry).toString() : partialText(resource, entry, apiVersion);
  return `${bare.slice(0, -NO_OBJECT.length)}${object}}`;
}

const bareRow = ({ cells, conditions }: Row): string =>
  JSON.stringify({ cells, ...(conditions === undefined ? {} : { conditions }), object: null });

/** JSON of {@link partialMetadata}. */
export const partialText = (resource: Resource, entry: Entry, apiVersion: string): string =>
  resource.isStored
    ? `{"kind":"PartialObjectMetadata","apiVersion":"${apiVersion}","metadata":${entry.metadataText()}}`
    : JSON.stringify(partialMetadata(resource.object(entry), apiVersion));

/** A Table; `columns` false leaves the definitions out, as all but the first event of a watch do. */
export function table(
  kind: Kind,
  objects: readonly KubeObject[],
  options: { include: IncludeObject; nowMs: number; apiVersion: string; columns: boolean; metadata: object },
): object {
  return {
    kind: 'Table',
    apiVersion: options.apiVersion,
    metadata: options.metadata,
    columnDefinitions: options.columns ? columnDefinitions(kind) : null,
    rows: objects.map((object) => tableRow(kind, object, options)),
  };
}

export const partialMetadata = ({ metadata }: KubeObject, apiVersion: string): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion,
  metadata,
});

const column = (name: string, type: string, format = ''): object => ({
  name,
  type,
  format,
  description: '',
  priority: 0,
});

const DEFAULT_COLUMNS = [column('Name', 'string', 'name'), column('Created At', 'date')];
const SCALE_COLUMNS = [
  column('Name', 'string'),
  column('Desired', 'integer'),
  column('Available', 'integer'),
  column('Age', 'string'),
];

/**
 * Of an object that is of no kind: a scale has a printer of its own. Source: printScale in pkg/printers/internalversion/printers.go,
 * defaultTableConvertor of apiserver pkg/registry/rest/table.go v1.36.
 */
export function defaultTable(
  object: KubeObject,
  { include, apiVersion, nowMs }: Pick<RowOptions, 'include' | 'apiVersion' | 'nowMs'>,
): object {
  const { name, creationTimestamp, resourceVersion } = object.metadata;
  const scale = object.kind === 'Scale' ? (object as KubeObject & Pick<Scale, 'spec' | 'status'>) : undefined;
  return {
    kind: 'Table',
    apiVersion,
    metadata: resourceVersion === undefined ? {} : { resourceVersion },
    columnDefinitions: scale === undefined ? DEFAULT_COLUMNS : SCALE_COLUMNS,
    rows: [
      {
        cells:
          scale === undefined
            ? [name, creationTimestamp ?? null]
            : [name, scale.spec.replicas ?? 0, scale.status.replicas ?? 0, ageOf(creationTimestamp, nowMs)],
        object: include === 'None' ? null : include === 'Object' ? object : partialMetadata(object, apiVersion),
      },
    ],
  };
}

/** One object where a list was asked for, or the reverse. Source: asPartialObjectMetadata of handlers/response.go v1.36. */
export function wrongShape(
  { group, kind }: Pick<Kind, 'group' | 'kind'>,
  as: Conversion,
  isList: boolean,
): StatusError {
  // Upstream names the Go type, whose package is the first word of the group.
  const home = group === '' || group === 'events.k8s.io' ? 'core' : group.split('.')[0]!;
  const type = `*${home}.${kind}${isList ? 'List' : ''}`;
  return new StatusError(
    'NotAcceptable',
    `you requested ${as}, but the requested object is ${isList ? 'a list' : 'not a list'} (${type})`,
  );
}
