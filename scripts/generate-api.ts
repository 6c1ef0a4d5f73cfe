/**
 * Writes `src/api/generated/`: `schema.json` (the compact schema of every stable definition, read at run time by decoding, protobuf,
 * patches and OpenAPI) and one file of TypeScript interfaces per group and version.
 *
 * Sources: `scripts/facts/*.json` (field numbers, list types, merge keys; Kubernetes v1.36) and the pinned `@kubernetes/client-node`
 * (which fields are required, formats). Nothing generated carries upstream's prose. Run by `npm run generate`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { jsonName, modelText } from './models.ts';

interface ProtoField {
  n: number;
  t: string;
}
interface FieldNumbers {
  messages: Record<string, Record<string, ProtoField>>;
  json: Record<string, Record<string, number[]>>;
}
interface ListFacts {
  listType?: string;
  listMapKeys?: string[];
  mapType?: string;
  patchStrategy?: string[];
  patchMergeKey?: string;
}
interface MergeKeys {
  definitions: Record<string, Record<string, ListFacts>>;
}

/** See `FieldSchema` in src/api/schema.ts: the same shape. */
interface Field {
  t: string;
  n: number[];
  req?: 1;
  list?: 'set' | 'map';
  keys?: string[];
  map?: 'atomic';
  patch?: string[];
  mergeKey?: string;
  go?: string;
  enum?: string[];
}
interface Definition {
  fields: Record<string, Field>;
  atomic?: 1;
  bare?: 1;
}

const root = dirname(import.meta.dirname);
const facts = <T>(name: string): T => JSON.parse(readFileSync(join(root, 'scripts/facts', name), 'utf8')) as T;
const { messages, json } = facts<FieldNumbers>('field-numbers.json');
const mergeKeys = facts<MergeKeys>('merge-keys.json').definitions;
const { enums } = facts<{ enums: Record<string, string[]> }>('enums-defaults.json');
const goTypes = facts<{ definitions: Record<string, Record<string, string>> }>('go-types.json').definitions;

const META = 'meta.v1.';
const SPECIAL: Record<string, string> = {
  [`${META}Time`]: 'Time',
  [`${META}MicroTime`]: 'MicroTime',
  [`${META}Duration`]: 'Duration',
  [`${META}FieldsV1`]: 'Raw',
  'resource.Quantity': 'Quantity',
  'intstr.IntOrString': 'IntOrString',
  'runtime.RawExtension': 'Raw',
  'apiextensions.v1.JSON': 'Raw',
};
const SCALARS = new Set(['string', 'bytes', 'bool', 'int32', 'int64', 'uint32', 'uint64', 'double']);
const STABLE = /^(?:[a-z]+\.v\d+\.|resource\.Quantity|intstr|runtime)/;
const JS_NAMES: Record<string, string> = {
  'kube_aggregator.pkg.apis.apiregistration': 'apiregistration',
  'apiextensions_apiserver.pkg.apis.apiextensions': 'apiextensions',
};

/** `k8s.io.api.core.v1.Pod` and `io.k8s.api.core.v1.Pod` → `core.v1.Pod`. */
function short(name: string): string {
  const bare = name.replace(/^io\.k8s\.|^k8s\.io\./, '').replaceAll('-', '_');
  for (const [from, to] of Object.entries(JS_NAMES))
    if (bare.startsWith(`${from}.`)) return to + bare.slice(from.length);
  return bare
    .replace(/^apimachinery\.pkg\.apis\./, '')
    .replace(/^apimachinery\.pkg\.api\.resource\./, 'resource.')
    .replace(/^apimachinery\.pkg\.util\.intstr\./, 'intstr.')
    .replace(/^apimachinery\.pkg\.runtime\./, 'runtime.')
    .replace(/^api\./, '');
}

const protoByShort = new Map(Object.keys(messages).map((name) => [short(name), name]));
const jsonByShort = new Map(Object.entries(json).map(([name, fields]) => [short(name), { name, fields }]));

/** Type text of a field: `T`, `[]T` or `{}T`, where T is a scalar, a special type or a definition. */
function typeText(owner: string, proto: string): string {
  if (proto.startsWith('[]')) return `[]${typeText(owner, proto.slice(2))}`;
  const map = /^map<\w+, ?\.?([\w.]+)>$/.exec(proto);
  if (map !== null) return `{}${typeText(owner, map[1]!)}`;
  if (SCALARS.has(proto)) return proto;
  const name = proto.replace(/^\./, '');
  const pkg = owner.slice(0, owner.lastIndexOf('.'));
  const full = messages[name] === undefined ? `${pkg}.${name}` : name;
  if (messages[full] === undefined) throw new Error(`${owner}: unknown type ${proto}`);
  return SPECIAL[short(full)] ?? short(full);
}

/** The proto field a path of numbers leads to, through embedded messages. */
function resolve(message: string, path: readonly number[]): { owner: string; field: ProtoField } {
  const field = Object.values(messages[message] ?? {}).find((f) => f.n === path[0]);
  if (field === undefined) throw new Error(`${message}: no field ${path[0]}`);
  if (path.length === 1) return { owner: message, field };
  const inner = typeText(message, field.t);
  return resolve(protoByShort.get(inner)!, path.slice(1));
}

/**
 * Fields the facts do not list: names that are no identifiers (`$ref`, `x-kubernetes-…`), and those of a message embedded in an embedded one.
 */
function unlisted(message: string, name: string): Record<string, number[]> {
  if (name === 'apiextensions.v1.JSONSchemaProps') {
    const odd = Object.entries(messages[message] ?? {}).filter(
      ([f]) => f === 'ref' || f === 'schema' || f.startsWith('xKubernetes'),
    );
    const spelled = (f: string): string =>
      f.startsWith('x') ? f.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`) : `$${f}`;
    return Object.fromEntries(odd.map(([f, { n }]) => [spelled(f), [n]]));
  }
  if (name !== 'admissionregistration.v1.NamedRuleWithOperations') return {};
  const rule = Object.entries(jsonByShort.get('admissionregistration.v1.RuleWithOperations')?.fields ?? {});
  return Object.fromEntries(rule.map(([f, path]) => [f, [2, ...path]]));
}

function requiredFields(name: string): Set<string> {
  const text = modelText(name);
  const required = new Set<string>();
  for (const m of text?.matchAll(/^ {4}'(\w+)'(\??): /gm) ?? []) if (m[2] === '') required.add(jsonName(m[1]!));
  return required;
}

const definitions: Record<string, Definition> = {};
for (const name of [...jsonByShort.keys()].toSorted()) {
  if (!STABLE.test(name) || SPECIAL[name] !== undefined) continue;
  const proto = protoByShort.get(name);
  if (proto === undefined) continue;
  const source = jsonByShort.get(name)!;
  const lists = mergeKeys[source.name] ?? {};
  const required = requiredFields(name);
  const fields: Record<string, Field> = {};
  for (const [field, path] of Object.entries({ ...source.fields, ...unlisted(proto, name) })) {
    const { owner, field: protoField } = resolve(proto, path);
    const entry: Field = { t: typeText(owner, protoField.t), n: path };
    const list = lists[field];
    if (required.has(field)) entry.req = 1;
    if (list?.listType === 'set' || list?.listType === 'map') entry.list = list.listType;
    if (list?.listMapKeys !== undefined) entry.keys = list.listMapKeys;
    if (list?.mapType === 'atomic') entry.map = 'atomic';
    if (list?.patchStrategy !== undefined) entry.patch = list.patchStrategy;
    if (list?.patchMergeKey !== undefined) entry.mergeKey = list.patchMergeKey;
    const go = goTypes[name]?.[field];
    if (go !== undefined) entry.go = go;
    const values = enums[`${name.slice(0, name.lastIndexOf('.'))}.${go?.replace(/^(?:\*|\[\])*/, '')}`];
    if (values !== undefined) entry.enum = values.toSorted();
    fields[field] = entry;
  }
  definitions[name] = { fields, ...(lists['.']?.mapType === 'atomic' ? { atomic: 1 as const } : {}) };
}
// Messages with one repeated field `items` and no JSON form of their own are bare lists in JSON: ExtraValue, Verbs …
for (const [name, proto] of protoByShort) {
  const fields = messages[proto]!;
  if (!STABLE.test(name) || definitions[name] !== undefined || SPECIAL[name] !== undefined) continue;
  const items = fields['items'];
  if (items === undefined || Object.keys(fields).length !== 1) continue;
  definitions[name] = { fields: { items: { t: typeText(proto, items.t), n: [items.n] } }, bare: 1 };
}

for (const [name, { fields }] of Object.entries(definitions))
  for (const [field, { t }] of Object.entries(fields)) {
    const base = t.replace(/^\[\]|^\{\}/, '');
    if (base.includes('.') && definitions[base] === undefined) {
      if (jsonByShort.has(base) || !/^[a-z]+\.v\d+\./.test(base))
        throw new Error(`${name}.${field}: ${t} is not defined`);
      definitions[base] = { fields: {} };
    }
  }

const sorted = Object.fromEntries(Object.entries(definitions).toSorted(([a], [b]) => (a < b ? -1 : 1)));
const lines = Object.entries(sorted).map(([name, d]) => `${JSON.stringify(name)}:${JSON.stringify(d)}`);
writeFileSync(join(root, 'src/api/generated/schema.json'), `{\n${lines.join(',\n')}\n}\n`);

// ---- interfaces

const TS: Record<string, string> = {
  string: 'string',
  bytes: 'string',
  bool: 'boolean',
  int32: 'number',
  int64: 'number',
  uint32: 'number',
  uint64: 'number',
  double: 'number',
  Time: 'string',
  MicroTime: 'string',
  Duration: 'string',
  Quantity: 'string',
  IntOrString: 'number | string',
  Raw: 'unknown',
};
const fileOf = (name: string): string => name.split('.').slice(0, 2).join('.');
const byFile = Map.groupBy(Object.keys(sorted), fileOf);

function tsType(type: string, file: string, imports: Map<string, Set<string>>): string {
  if (type.startsWith('[]')) {
    const item = tsType(type.slice(2), file, imports);
    return /[ |]/.test(item) ? `(${item})[]` : `${item}[]`;
  }
  if (type.startsWith('{}')) return `Record<string, ${tsType(type.slice(2), file, imports)}>`;
  const scalar = TS[type];
  if (scalar !== undefined) return scalar;
  const definition = sorted[type];
  if (definition?.bare === 1) return tsType(definition.fields['items']!.t, file, imports);
  if (type.startsWith('apiextensions.v1.JSONSchemaPropsOr')) return orType(type);
  const other = fileOf(type);
  const name = type.split('.').at(-1)!;
  if (other !== file) {
    const set = imports.get(other) ?? new Set();
    imports.set(other, set.add(name));
  }
  return name;
}

/** Kinds of their own, though they are called templates. */
const TEMPLATES: ReadonlySet<string> = new Set(['PodTemplate', 'ResourceClaimTemplate']);

function orType(type: string): string {
  if (type.endsWith('OrArray')) return 'JSONSchemaProps | JSONSchemaProps[]';
  if (type.endsWith('OrBool')) return 'JSONSchemaProps | boolean';
  return 'JSONSchemaProps | string[]';
}

const isKind = (fields: Record<string, Field>): boolean =>
  fields['metadata']?.t === 'meta.v1.ObjectMeta' || fields['metadata']?.t === 'meta.v1.ListMeta';

for (const [file, names] of byFile) {
  const imports = new Map<string, Set<string>>();
  const body: string[] = [];
  for (const name of names) {
    const { fields, bare } = sorted[name]!;
    if (bare === 1 || /JSONSchemaPropsOr/.test(name)) continue;
    const kind = name.split('.').at(-1)!;
    const top = (isKind(fields) && !kind.endsWith('Template') && !kind.endsWith('TemplateSpec')) || TEMPLATES.has(kind);
    const own = top ? [`  apiVersion: string;`, `  kind: string;`] : [];
    for (const [field, { t, req }] of Object.entries(fields)) {
      const key = /^[A-Za-z_]\w*$/.test(field) ? field : `'${field}'`;
      let type = tsType(t, file, imports);
      if (field === 'metadata' && t === 'meta.v1.ObjectMeta' && !top) type = `Partial<${type}>`;
      const always = req === 1 || (top && (field === 'metadata' || field === 'spec' || field === 'status'));
      own.push(always ? `  ${key}: ${type};` : `  ${key}?: ${type} | undefined;`);
    }
    body.push(
      own.length === 0
        ? `export type ${kind} = Record<string, never>;`
        : `export interface ${kind} {\n${own.join('\n')}\n}`,
    );
  }
  if (file === 'meta.v1')
    for (const [i, text] of body.entries())
      if (text.startsWith('export interface ObjectMeta ')) body[i] = alwaysInMeta(text);
  const head = [...imports].map(
    ([other, set]) => `import type { ${[...set].toSorted().join(', ')} } from './${other}.ts';`,
  );
  writeFileSync(
    join(root, `src/api/generated/${file}.ts`),
    `// Generated by scripts/generate-api.ts; do not edit.\n${[...head.toSorted(), ...body].join('\n')}\n`,
  );
}

/** What the server fills in on every object is not optional to a reader. */
function alwaysInMeta(text: string): string {
  return text.replace(/^ {2}(name|uid|resourceVersion|creationTimestamp)\?: string \| undefined;/gm, '  $1: string;');
}
