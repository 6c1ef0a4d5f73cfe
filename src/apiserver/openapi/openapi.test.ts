import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allKinds, openApiName } from '#api';
import { FakeClock } from '#util';
import type { HttpRequest, HttpResponse } from '../http/context.ts';
import type { Descriptions } from './descriptions.ts';
import { finished } from '#util';
import { encodeGnostic } from './gnostic.ts';
import { OpenApi } from './openapi.ts';
import { serveOpenApi } from './serve.ts';

interface Json {
  readonly [key: string]: unknown;
}
const START_MS = Date.parse('2026-01-02T03:04:05.678Z');

const newOpenApi = (descriptions: Descriptions = {}): OpenApi =>
  new OpenApi({
    kinds: () => allKinds,
    version: 'v1.36.0',
    clock: new FakeClock(START_MS),
    descriptions: () => descriptions,
  });

const parse = ({ bytes }: { bytes: Buffer }): Json => JSON.parse(bytes.toString('utf8')) as Json;

/** Follows keys down into a document. */
const dig = (value: unknown, ...keys: string[]): unknown =>
  keys.reduce((inner: unknown, key) => (inner as Json | undefined)?.[key], value);

/** Every value of `key`, at any depth. */
function* everyValue(value: unknown, key: string): Generator {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (name === key) yield inner;
    yield* everyValue(inner, key);
  }
}

// A reader that knows the protobuf wire format and numbers of OpenAPIv2.proto, and nothing of the encoder's tables.

type Fields = ReadonlyMap<number, readonly (number | Buffer)[]>;

function readFields(bytes: Buffer): Fields {
  const fields = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    assert.ok([0, 2].includes(tag & 7), `wire type ${tag & 7}`);
    const size = varint();
    const value = (tag & 7) === 0 ? size : bytes.subarray(at, at + size);
    if ((tag & 7) === 2) at += size;
    assert.ok(at <= bytes.length);
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}

const messages = (fields: Fields, number: number): readonly Fields[] =>
  (fields.get(number) ?? []).map((value) => readFields(value as Buffer));
const message = (fields: Fields, ...numbers: number[]): Fields =>
  numbers.reduce((inner, number) => messages(inner, number)[0] ?? new Map<number, Buffer[]>(), fields);
const texts = (fields: Fields, number: number): readonly string[] =>
  (fields.get(number) ?? []).map((value) => (value as Buffer).toString('utf8'));
const text = (fields: Fields, number: number): string | undefined => texts(fields, number)[0];

/** Entries of a name (1) and a value (2). */
const named = <T>(entries: readonly Fields[], read: (value: Fields) => T): Record<string, T> =>
  Object.fromEntries(entries.map((entry) => [text(entry, 1) ?? '', read(message(entry, 2))]));
const extensions = (fields: Fields, number: number): Record<string, unknown> =>
  named(messages(fields, number), (any) => JSON.parse(text(any, 2) ?? 'null') as unknown);

/** A Schema as JSON would have it. */
function readSchema(fields: Fields): Json {
  const has = (number: number, entry: () => Json): Json => (fields.has(number) ? entry() : {});
  return {
    ...has(1, () => ({ $ref: text(fields, 1) })),
    ...has(2, () => ({ format: text(fields, 2) })),
    ...has(4, () => ({ description: text(fields, 4) })),
    ...has(20, () => ({ enum: messages(fields, 20).map((any) => JSON.parse(text(any, 2)!) as unknown) })),
    ...has(19, () => ({ required: texts(fields, 19) })),
    ...has(21, () => ({ additionalProperties: readSchema(message(fields, 21, 1)) })),
    ...has(22, () => ({ type: text(message(fields, 22), 1) })),
    ...has(23, () => ({ items: readSchema(message(fields, 23, 1)) })),
    ...has(25, () => ({ properties: named(messages(message(fields, 25), 1), readSchema) })),
    ...extensions(fields, 31),
  };
}

test('the protobuf of version 2 says what its JSON says', async () => {
  const openApi = newOpenApi({ 'core.v1.Pod': { '': 'Text with “quotes”.', spec: 'What is wanted.' } });
  const json = parse(await openApi.v2Json());
  const document = readFields((await openApi.v2Protobuf()).bytes);
  assert.equal(text(document, 1), '2.0');
  assert.equal(text(message(document, 2), 2), 'v1.36.0');
  assert.deepEqual(named(messages(message(document, 9), 1), readSchema), json['definitions']);

  const paths = named(messages(message(document, 8), 2), (item) => item);
  assert.deepEqual(Object.keys(paths), Object.keys(json['paths'] as Json));
  const pods = '/api/v1/namespaces/{namespace}/pods';
  const create = message(paths[pods]!, 4);
  assert.equal(text(create, 5), 'createCoreV1NamespacedPod');
  assert.deepEqual(
    messages(create, 8).flatMap((parameter) => text(message(parameter, 1, 2, 3), 4) ?? []),
    ['dryRun', 'fieldManager', 'fieldValidation'],
  );
  assert.deepEqual(readSchema(message(messages(create, 8)[0]!, 1, 1, 5)), {
    $ref: '#/definitions/io.k8s.api.core.v1.Pod',
  });
  assert.deepEqual(extensions(create, 13), {
    'x-kubernetes-action': 'post',
    'x-kubernetes-group-version-kind': { group: '', kind: 'Pod', version: 'v1' },
  });
  const answer = messages(message(create, 9), 1).find((entry) => text(entry, 1) === '201')!;
  assert.deepEqual(readSchema(message(answer, 2, 1, 2, 1)), { $ref: '#/definitions/io.k8s.api.core.v1.Pod' });
  assert.deepEqual(
    messages(paths[`${pods}/{name}`]!, 9).map((p) => text(message(p, 1, 2, 4), 4) ?? text(message(p, 1, 2, 3), 4)),
    ['namespace', 'name', 'pretty'],
  );
  assert.deepEqual(texts(message(paths[`${pods}/{name}`]!, 8), 7), [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/strategic-merge-patch+json',
    'application/apply-patch+yaml',
  ]);
});

test('a key the protobuf has no place for is an error', () => {
  assert.throws(
    () => finished(encodeGnostic({ swagger: '2.0', hosts: [] })),
    /Document: nothing is known of the key hosts/,
  );
  assert.throws(
    () => finished(encodeGnostic({ paths: { '/a': { get: { parameters: [{ name: 'a', in: 'cookie' }] } } } })),
    /a parameter in "cookie" is not provided for/,
  );
});

test('every reference leads somewhere and every kind is found by its group, version and kind', async () => {
  const openApi = newOpenApi();
  const groups = Object.keys(parse(await openApi.v3Index())['paths'] as Json);
  for (const [document, prefix] of [
    [parse(await openApi.v2Json()), ['definitions']] as const,
    ...groups.map((group) => [parse(openApi.v3(group)!), ['components', 'schemas']] as const),
  ]) {
    const schemas = (dig(document, ...prefix) ?? {}) as Json;
    const refs = new Set([...everyValue(document, '$ref')].filter((ref) => typeof ref === 'string'));
    // Those of single paths have few, or none.
    assert.ok(refs.size > 10 || Object.keys(document['paths'] as Json).length === 1);
    for (const ref of refs) assert.ok(ref.slice(`#/${prefix.join('/')}/`.length) in schemas, ref);
    const operationIds = [...everyValue(document, 'operationId')];
    assert.equal(new Set(operationIds).size, operationIds.length);
  }
  const definitions = parse(await openApi.v2Json())['definitions'];
  for (const { definition, group, version, kind } of allKinds) {
    const gvks = dig(definitions, openApiName(definition), 'x-kubernetes-group-version-kind');
    assert.deepEqual(gvks, [{ group, kind, version }], kind);
  }
});

test('whatever is written can be validated by the server', async () => {
  const openApi = newOpenApi();
  for (const document of [parse(await openApi.v2Json()), parse(openApi.v3('apis/apps/v1')!)])
    for (const [path, item] of Object.entries(document['paths'] as Json))
      for (const method of ['post', 'put', 'patch']) {
        const parameters = dig(item, method, 'parameters') as readonly { name: string }[] | undefined;
        if (parameters === undefined || dig(item, method, 'x-kubernetes-action') === 'connect') continue;
        const names = parameters.map(({ name }) => name);
        assert.ok(names.includes('fieldValidation') && names.includes('dryRun'), `${method} ${path}`);
      }
});

test('descriptions are shown where there are any, beside a reference too', async () => {
  const openApi = newOpenApi({ 'core.v1.Pod': { '': 'A pod.', kind: 'Its kind.', spec: 'What is wanted.' } });
  const name = 'io.k8s.api.core.v1.Pod';
  const v2 = dig(parse(await openApi.v2Json()), 'definitions', name);
  const v3 = dig(parse(openApi.v3('api/v1')!), 'components', 'schemas', name);
  for (const pod of [v2, v3]) {
    assert.equal(dig(pod, 'description'), 'A pod.');
    assert.deepEqual(dig(pod, 'properties', 'kind'), { type: 'string', description: 'Its kind.' });
  }
  const spec = 'io.k8s.api.core.v1.PodSpec';
  assert.deepEqual(dig(v2, 'properties', 'spec'), { $ref: `#/definitions/${spec}`, description: 'What is wanted.' });
  assert.deepEqual(dig(v3, 'properties', 'spec'), {
    allOf: [{ $ref: `#/components/schemas/${spec}` }],
    description: 'What is wanted.',
  });
});

test('the values a field may have are told', async () => {
  const schemas = dig(parse(newOpenApi().v3('api/v1')!), 'components', 'schemas');
  const taint = dig(schemas, 'io.k8s.api.core.v1.Taint', 'properties', 'effect');
  assert.deepEqual(dig(taint, 'enum'), ['NoExecute', 'NoSchedule', 'PreferNoSchedule']);
  const dnsPolicy = dig(
    parse(await newOpenApi().v2Json()),
    'definitions',
    'io.k8s.api.core.v1.PodSpec',
    'properties',
    'dnsPolicy',
  );
  assert.deepEqual(dig(dnsPolicy, 'enum'), ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']);
});

test('only objects that travel by themselves have an apiVersion and a kind', async () => {
  const definitions = parse(await newOpenApi().v2Json())['definitions'];
  assert.ok(dig(definitions, 'io.k8s.api.core.v1.PodList', 'properties', 'apiVersion'));
  assert.equal(dig(definitions, 'io.k8s.api.core.v1.PodTemplateSpec', 'properties', 'apiVersion'), undefined);
});

// The HTTP face.

const PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const OLD_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer | undefined;
}

async function get(openApi: OpenApi, address: string, headers: HttpRequest['headers'] = {}): Promise<Answer> {
  const { pathname, searchParams } = new URL(address, 'https://server');
  const request = { headers, query: searchParams } as HttpRequest;
  const response: HttpResponse | undefined = await serveOpenApi(openApi, request, pathname);
  assert.ok(response !== undefined && 'status' in response && !('stream' in response));
  const { status, headers: sent = {}, body } = response;
  assert.ok(body === undefined || body instanceof Buffer);
  return { status, headers: sent, body };
}

test('the form of version 2 is negotiated', async () => {
  const openApi = newOpenApi();
  const typeOf = async (accept?: string): Promise<string | number | undefined> => {
    const { status, headers } = await get(openApi, '/openapi/v2', { accept });
    assert.equal(headers['vary'], 'Accept');
    return status === 200 ? headers['content-type'] : status;
  };
  assert.equal(await typeOf(), 'application/json');
  assert.equal(await typeOf('*/*'), 'application/json');
  assert.equal(await typeOf('application/json'), 'application/json');
  assert.equal(await typeOf(PROTOBUF), PROTOBUF);
  assert.equal(await typeOf(OLD_PROTOBUF), PROTOBUF);
  assert.equal(await typeOf(`application/json;q=0.5, ${PROTOBUF}`), PROTOBUF);
  assert.equal(await typeOf(`text/html, ${OLD_PROTOBUF};q=0.1`), PROTOBUF);
  assert.equal(await typeOf('text/html'), 406);
});

test('who has the document already is told so', async () => {
  const openApi = newOpenApi();
  const { headers, body } = await get(openApi, '/openapi/v2', { accept: PROTOBUF });
  assert.ok(body!.length > 1000);
  assert.match(headers['etag']!, /^"[0-9A-F]{128}"$/);
  assert.equal(headers['last-modified'], 'Fri, 02 Jan 2026 03:04:05 GMT');
  const statusWith = async (more: HttpRequest['headers']): Promise<number> =>
    (await get(openApi, '/openapi/v2', more)).status;
  assert.equal(await statusWith({ 'if-none-match': `"old", ${headers['etag']}` }), 304);
  assert.equal(await statusWith({ 'if-none-match': '"old"' }), 200);
  assert.equal(await statusWith({ 'if-modified-since': headers['last-modified'] }), 304);
  assert.equal(await statusWith({ 'if-modified-since': 'Fri, 02 Jan 2026 03:04:04 GMT' }), 200);
  assert.equal(await statusWith({ 'if-none-match': '"old"', 'if-modified-since': headers['last-modified'] }), 200);
});

test('a document of version 3 may be kept for ever under its hash, and an old hash leads to the new one', async () => {
  const openApi = newOpenApi();
  const index = JSON.parse((await get(openApi, '/openapi/v3')).body!.toString('utf8')) as Json;
  const address = dig(index, 'paths', 'apis/apps/v1', 'serverRelativeURL') as string;
  const found = await get(openApi, address, { accept: 'application/json' });
  assert.equal(found.status, 200);
  assert.equal(found.headers['cache-control'], 'public, immutable');
  assert.equal(found.headers['expires'], 'Sat, 02 Jan 2027 03:04:05 GMT');
  assert.equal(`/openapi/v3/apis/apps/v1?hash=${found.headers['etag']!.slice(1, -1)}`, address);
  const old = await get(openApi, '/openapi/v3/apis/apps/v1?hash=OLD');
  assert.deepEqual([old.status, old.headers['location']], [301, address]);
  const proto = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf';
  const protobuf = await get(openApi, address, { accept: proto.replace('v3.', 'v3@') });
  assert.equal(protobuf.headers['content-type'], proto);
  assert.equal(protobuf.headers['etag'], found.headers['etag']);
  assert.equal((await get(openApi, address, { accept: 'text/html' })).status, 406);
  assert.equal(
    await serveOpenApi(
      openApi,
      { headers: {}, query: new URLSearchParams() } as HttpRequest,
      '/openapi/v3/apis/none/v1',
    ),
    undefined,
  );
});
