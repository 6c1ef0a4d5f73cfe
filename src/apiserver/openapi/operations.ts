/** What can be asked of each kind, in terms of neither version of OpenAPI; {@link ./v2.ts} and {@link ./v3.ts} write it down. */
import { apiVersionOf, bodyKinds, type Kind, resourcePath } from '#api';
import { type Subresource, subresourcesOf, verbsOf } from '../discovery/discovery.ts';
import type { SchemaBuilder } from './schemas.ts';

export interface Parameter {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'integer';
}

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete' | 'head' | 'options';

export interface Operation {
  readonly method: Method;
  readonly operationId: string;
  readonly tag: string;
  /** x-kubernetes-action; absent, as the kind, where no resource is asked for. */
  readonly action?: string;
  readonly gvk?: { readonly group: string; readonly kind: string; readonly version: string };
  readonly query: readonly Parameter[];
  /** Media types a body may have; empty: there is none. */
  readonly consumes: readonly string[];
  readonly body?: { readonly schema: object; readonly required: boolean };
  readonly produces: readonly string[];
  readonly answer: object;
  readonly statuses: readonly string[];
}

export interface PathItem {
  readonly path: string;
  /** It takes no parameters at all. */
  readonly bare?: true;
  readonly operations: readonly Operation[];
}

const text = (...names: string[]): Parameter[] => names.map((name) => ({ name, type: 'string' }));
const flags = (...names: string[]): Parameter[] => names.map((name) => ({ name, type: 'boolean' }));
const numbers = (...names: string[]): Parameter[] => names.map((name) => ({ name, type: 'integer' }));

/** Options of each verb as query parameters. Source: ListOptions, CreateOptions … of meta/v1 types.go v0.36. */
const WRITE = text('dryRun', 'fieldManager', 'fieldValidation');
const PATCH = [...WRITE, ...flags('force')];
const SELECT = [
  ...text('continue', 'fieldSelector', 'labelSelector', 'resourceVersion', 'resourceVersionMatch'),
  ...flags('sendInitialEvents'),
  ...numbers('limit', 'timeoutSeconds'),
];
const LIST = [...SELECT, ...flags('allowWatchBookmarks', 'watch')];
const DELETE = [
  ...text('dryRun', 'propagationPolicy'),
  ...flags('ignoreStoreReadErrorWithClusterBreakingPotential', 'orphanDependents'),
  ...numbers('gracePeriodSeconds'),
];

/** Options of subresources that are connected to or read as text. Source: PodExecOptions, PodLogOptions … of core/v1 types.go v0.36. */
const CONNECT: Readonly<Record<string, readonly Parameter[]>> = {
  PodAttachOptions: [...text('container'), ...flags('stderr', 'stdin', 'stdout', 'tty')],
  PodExecOptions: [...text('command', 'container'), ...flags('stderr', 'stdin', 'stdout', 'tty')],
  PodPortForwardOptions: numbers('ports'),
  PodProxyOptions: text('path'),
  ServiceProxyOptions: text('path'),
  NodeProxyOptions: text('path'),
};
const LOG = [
  ...text('container', 'stream'),
  ...flags('follow', 'insecureSkipTLSVerifyBackend', 'previous', 'timestamps'),
  ...numbers('limitBytes', 'sinceSeconds', 'tailLines'),
];

const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const ANY = ['*/*'];
export const OBJECTS = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const STREAMS = [...OBJECTS, 'application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const TEXT = { type: 'string' };

/** Custom resources have no protobuf and no strategic merge patch. Source: buildRoute, apiextensions-apiserver pkg/controller/openapi/builder/builder.go v0.36. */
const CUSTOM_TYPES = ['application/json', 'application/yaml'];
const CUSTOM_PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/apply-patch+yaml',
];

/** What tells of the resources of each built-in group and version. Source: the APIVersionHandler of apiserver pkg/endpoints/discovery/version.go v1.36. */
export function versionPaths(kinds: readonly Kind[], builder: SchemaBuilder): readonly PathItem[] {
  const first = new Map(kinds.filter((kind) => kind.custom === undefined).map((kind) => [apiVersionOf(kind), kind]));
  return [...first.values()].map((kind) => ({
    path: resourcePath({ ...kind, plural: '' }, {}),
    bare: true,
    operations: [
      {
        method: 'get',
        operationId: `get${groupName(kind)}APIResources`,
        tag: tagOf(kind),
        query: [],
        consumes: OBJECTS,
        produces: OBJECTS,
        answer: builder.ref('meta.v1.APIResourceList'),
        statuses: ['200'],
      },
    ],
  }));
}

export function kindPaths(kind: Kind, builder: SchemaBuilder): readonly PathItem[] {
  const at = (options: { all?: true; name?: string; subresource?: string } = {}): string =>
    decodeURIComponent(resourcePath(kind, { ...(options.all ? {} : { namespace: '{namespace}' }), ...options }));
  const items: PathItem[] = [
    { path: at(), operations: collection(kind, builder) },
    { path: at({ name: '{name}' }), operations: item(kind, builder) },
    ...subresourcesOf(kind).flatMap((sub) => {
      const path = at({ name: '{name}', subresource: sub.name });
      const own = { path, operations: subresource(kind, sub, builder) };
      if (sub.name !== 'proxy') return [own];
      return [own, { path: `${path}/{path}`, operations: connect(kind, sub, 'WithPath') }];
    }),
  ];
  if (kind.namespaced && verbsOf(kind).includes('list'))
    items.push({
      path: at({ all: true }),
      operations: [
        operation(kind, 'get', 'list', {
          operationId: `list${groupName(kind)}${kind.kind}ForAllNamespaces`,
          query: LIST,
          produces: STREAMS,
          answer: builder.list(kind),
        }),
      ],
    });
  return items.filter(({ operations }) => operations.length > 0);
}

function collection(kind: Kind, builder: SchemaBuilder): readonly Operation[] {
  const own = builder.kind(kind);
  // What cannot be listed need not have a definition of its list.
  const answer = verbsOf(kind).includes('list') ? builder.list(kind) : own;
  return [
    operation(kind, 'get', 'list', { query: LIST, produces: STREAMS, answer }),
    operation(kind, 'post', 'create', { query: WRITE, ...required(own), answer: own, statuses: ['200', '201', '202'] }),
    operation(kind, 'delete', 'deletecollection', {
      operationId: `delete${groupName(kind)}Collection${subject(kind)}`,
      query: [...DELETE, ...SELECT],
      ...optional(builder.ref('meta.v1.DeleteOptions')),
      answer: builder.ref('meta.v1.Status'),
    }),
  ].filter(({ verb }) => verbsOf(kind).includes(verb));
}

function item(kind: Kind, builder: SchemaBuilder): readonly Operation[] {
  const own = builder.kind(kind);
  return [
    ...part(kind, own, builder),
    operation(kind, 'delete', 'delete', {
      query: DELETE,
      ...optional(builder.ref('meta.v1.DeleteOptions')),
      answer: builder.ref('meta.v1.Status'),
      statuses: ['200', '202'],
    }),
  ].filter(({ verb }) => verbsOf(kind).includes(verb));
}

/** Get, update, patch: what an object and a part of it have in common. */
function part(kind: Kind, schema: object, builder: SchemaBuilder, suffix = ''): readonly VerbOperation[] {
  return [
    operation(kind, 'get', 'get', { suffix, answer: schema }),
    operation(kind, 'put', 'update', {
      suffix,
      query: WRITE,
      ...required(schema),
      answer: schema,
      statuses: ['200', '201'],
    }),
    operation(kind, 'patch', 'patch', {
      suffix,
      query: PATCH,
      consumes: PATCH_TYPES,
      body: { schema: builder.ref('meta.v1.Patch'), required: true },
      answer: schema,
      statuses: ['200', '201'],
    }),
  ];
}

function subresource(kind: Kind, sub: Subresource, builder: SchemaBuilder): readonly Operation[] {
  const suffix = capital(sub.name);
  const group = sub.group ?? kind.group;
  const version = sub.version ?? kind.version;
  const gvk = { group, kind: sub.kind, version };
  if (sub.name === 'log')
    return [operation(kind, 'get', 'get', { suffix, query: LOG, produces: ['text/plain', ...OBJECTS], answer: TEXT })];
  if (CONNECT[sub.kind] !== undefined) return connect(kind, sub, '');
  const schema =
    sub.kind === kind.kind ? builder.kind(kind) : builder.typed(bodyOf(kind, sub), group, version, sub.kind);
  const create = operation(kind, 'post', 'create', {
    suffix,
    query: WRITE,
    ...required(schema),
    answer: schema,
    statuses: ['200', '201', '202'],
  });
  return [...part(kind, schema, builder, suffix), create]
    .filter(({ verb }) => sub.verbs.includes(verb))
    .map((own) => ({ ...own, gvk }));
}

function bodyOf(kind: Kind, { name, kind: own, group = kind.group, version = kind.version }: Subresource): string {
  const definition = bodyKinds[`${apiVersionOf({ group, version })}/${own}`];
  if (definition === undefined) throw new Error(`${kind.plural}/${name}: nothing is known of its kind ${own}`);
  return definition;
}

/** What takes the connection over, or hands the request on. `more` ends the names of the operations. */
function connect(kind: Kind, sub: Subresource, more: string): readonly Operation[] {
  const methods: readonly Method[] =
    sub.name === 'proxy' ? ['delete', 'get', 'head', 'options', 'patch', 'post', 'put'] : ['get', 'post'];
  return methods.map((method) => ({
    ...operation(kind, method, 'connect', {
      operationId: `connect${groupName(kind)}${capital(method)}${subject(kind)}${capital(sub.name)}${more}`,
      query: CONNECT[sub.kind]!,
      produces: ANY,
      answer: TEXT,
    }),
    gvk: { group: sub.group ?? kind.group, kind: sub.kind, version: sub.version ?? kind.version },
  }));
}

type VerbOperation = Operation & { readonly verb: string };

interface OperationOptions extends Partial<Operation> {
  readonly suffix?: string;
}

/** Verb → how operation ids begin, where it is not the verb itself, and the x-kubernetes-action. Source: apiserver pkg/endpoints/installer.go v1.36. */
const WORDS: Readonly<Record<string, readonly [id: string, action: string]>> = {
  get: ['read', 'get'],
  create: ['create', 'post'],
  update: ['replace', 'put'],
};

function operation(
  kind: Kind,
  method: Method,
  verb: string,
  { suffix = '', ...options }: OperationOptions,
): VerbOperation {
  const [id, action] = WORDS[verb] ?? [verb, verb];
  return {
    verb,
    method,
    operationId: `${id}${groupName(kind)}${subject(kind)}${suffix}`,
    tag: tagOf(kind),
    action,
    gvk: { group: kind.group, kind: kind.kind, version: kind.version },
    query: [],
    consumes: ANY,
    produces: OBJECTS,
    answer: TEXT,
    statuses: ['200'],
    ...options,
    ...(kind.custom === undefined
      ? {}
      : { consumes: method === 'patch' ? CUSTOM_PATCH_TYPES : CUSTOM_TYPES, produces: CUSTOM_TYPES }),
  };
}

const required = (schema: object): { body: NonNullable<Operation['body']> } => ({ body: { schema, required: true } });
const optional = (schema: object): { body: NonNullable<Operation['body']> } => ({ body: { schema, required: false } });
const subject = ({ namespaced, kind }: Kind): string => `${namespaced ? 'Namespaced' : ''}${kind}`;

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);

/** `Core`, `RbacAuthorization`: the group without its domain. */
export const shortGroup = (group: string): string =>
  group === ''
    ? 'Core'
    : group
        .replace(/\.k8s\.io$/, '')
        .split('.')
        .map(capital)
        .join('');

const groupName = ({ group, version }: Kind): string => shortGroup(group) + capital(version);

/** `core_v1`, `rbacAuthorization_v1`. */
function tagOf({ group, version }: Kind): string {
  const name = shortGroup(group);
  return `${name[0]!.toLowerCase()}${name.slice(1)}_${version}`;
}
