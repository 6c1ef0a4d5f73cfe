import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { authority } from '../testdata/https.ts';
import {
  assertStatus,
  type CustomServer,
  startCustomServer,
  version,
  widget,
  WIDGET_PROPS,
  WIDGETS,
  widgets,
} from '../testdata/custom.ts';

type Json = Record<string, unknown>;

interface Review {
  readonly request: { readonly uid: string; readonly desiredAPIVersion: string; readonly objects: Json[] };
}

interface Webhook extends AsyncDisposable {
  readonly url: string;
  /** How many objects came in each request. */
  readonly calls: number[];
  /** What it answers; default: a success with `convert` of each object. */
  answer: (review: Review) => { status?: number; body: unknown };
}

/** In v2 the size is called `length`. */
function convert(object: Json, apiVersion: string): Json {
  const { size, length, ...spec } = object['spec'] as { size?: number; length?: number };
  const value = size ?? length;
  return { ...object, apiVersion, spec: { ...spec, [apiVersion.endsWith('v2') ? 'length' : 'size']: value } };
}

const success = ({ request }: Review, change: (object: Json) => Json = (object) => object): { body: unknown } => ({
  body: {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'ConversionReview',
    response: {
      uid: request.uid,
      result: { status: 'Success' },
      convertedObjects: request.objects.map((object) => change(convert(object, request.desiredAPIVersion))),
    },
  },
});

async function startWebhook(): Promise<Webhook & { readonly ca: string }> {
  const { ca, files } = await authority(0);
  const calls: number[] = [];
  const server = createServer(
    { cert: files.get('apiserver.crt'), key: files.get('apiserver.key') },
    (request, answer) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
        calls.push(review.request.objects.length);
        const { status = 200, body } = webhook.answer(review);
        answer.writeHead(status, { 'content-type': 'application/json' });
        answer.end(typeof body === 'string' ? body : JSON.stringify(body));
      });
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const webhook: Webhook & { ca: string } = {
    ca,
    url: `https://localhost:${(server.address() as AddressInfo).port}/convert`,
    calls,
    answer: (review) => success(review),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return webhook;
}

const V2 = WIDGETS.replace('/v1/', '/v2/');
const v2Props = {
  properties: {
    ...WIDGET_PROPS.properties,
    spec: { type: 'object', properties: { length: { type: 'integer' }, color: { type: 'string' } } },
  },
};

const converted = (url: string, ca: string): ReturnType<typeof widgets> =>
  widgets({
    versions: [version('v1', WIDGET_PROPS), version('v2', v2Props, { storage: false })],
    conversion: {
      strategy: 'Webhook',
      webhook: {
        conversionReviewVersions: ['v1'],
        clientConfig: { url, caBundle: Buffer.from(ca).toString('base64') },
      },
    },
  });

async function defineConverted(server: CustomServer, { url, ca }: { url: string; ca: string }): Promise<void> {
  await server.define(converted(url, ca));
}

test('a webhook converts what is read and written in another version than the stored one', async () => {
  await using server = await startCustomServer();
  await using webhook = await startWebhook();
  await defineConverted(server, webhook);
  assert.equal((await server.post(WIDGETS, widget('a', { spec: { size: 7 } }))).status, 201);
  const second = await server.get(`${V2}/a`);
  assert.equal(second.status, 200, second.text);
  assert.deepEqual(second.json().spec, { length: 7 });
  const made = await server.post(V2, { ...widget('b', { spec: { length: 3 } }), apiVersion: 'example.com/v2' });
  assert.deepEqual(made.json().spec, { length: 3 });
  assert.deepEqual((await server.get(`${WIDGETS}/b`)).json().spec, { size: 3 });
  const patched = await server.patch(`${V2}/b`, { spec: { length: 4 } });
  assert.deepEqual(patched.json().spec, { length: 4 });
  assert.deepEqual((await server.get(`${WIDGETS}/b`)).json().spec, { size: 4 });
});

test('a list is converted in one request', async () => {
  await using server = await startCustomServer();
  await using webhook = await startWebhook();
  await defineConverted(server, webhook);
  for (let i = 0; i < 5; i++) await server.post(WIDGETS, widget(`w${i}`, { spec: { size: i } }));
  const { items } = (await server.get(V2)).json() as { items: { spec: { length: number } }[] };
  assert.deepEqual(
    items.map(({ spec }) => spec.length),
    [0, 1, 2, 3, 4],
  );
  assert.deepEqual(webhook.calls, [5]);
});

test('should be able to convert a non homogeneous list of CRs', async () => {
  await using server = await startCustomServer();
  await using webhook = await startWebhook();
  await defineConverted(server, webhook);
  await server.post(WIDGETS, widget('a', { spec: { size: 1 } }));
  const { spec } = converted(webhook.url, webhook.ca);
  const versions = spec.versions.map((own) => ({ ...own, storage: own.name === 'v2' }));
  await server.redefine(widgets({ ...spec, versions }));
  await server.post(V2, { ...widget('b', { spec: { length: 2 } }), apiVersion: 'example.com/v2' });
  const specs = async (path: string): Promise<unknown> =>
    (await server.get(path)).json().items.map((item: { spec: object }) => item.spec);
  assert.deepEqual(await specs(WIDGETS), [{ size: 1 }, { size: 2 }]);
  assert.deepEqual(await specs(V2), [{ length: 1 }, { length: 2 }]);
});

test('an answer that breaks the rules fails the request with the reason', async (t) => {
  await using server = await startCustomServer();
  await using webhook = await startWebhook();
  await defineConverted(server, webhook);
  await server.post(WIDGETS, widget('a'));
  const gvk = 'example.com/v1, Kind=Widget';
  const failed = `conversion webhook for ${gvk} failed:`;
  const review = (response: unknown): { body: unknown } => ({
    body: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', response },
  });
  const cases: readonly [string, Webhook['answer'], string][] = [
    [
      'a failure',
      ({ request }) => review({ uid: request.uid, result: { status: 'Failure', message: 'no way' } }),
      `${failed} no way`,
    ],
    [
      'a failure without a word',
      ({ request }) => review({ uid: request.uid, result: {} }),
      `${failed} response.result.status was '', not 'Success'`,
    ],
    ['the uid of another request', () => review({ uid: 'x', result: { status: 'Success' } }), 'expected response.uid='],
    ['no response', () => review(undefined), `${failed} no response provided`],
    [
      'another kind of answer',
      () => ({ body: { apiVersion: 'v1', kind: 'Status' } }),
      `${failed} expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got /v1, Kind=Status`,
    ],
    [
      'too few objects',
      ({ request }) => review({ uid: request.uid, result: { status: 'Success' }, convertedObjects: [] }),
      `conversion webhook for ${gvk} returned 0 objects, expected 1`,
    ],
    [
      'the wrong version',
      (own) => success(own, (object) => ({ ...object, apiVersion: 'example.com/v1' })),
      `conversion webhook for ${gvk} returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v1)`,
    ],
    [
      'another name',
      (own) => success(own, (object) => ({ ...object, metadata: { ...(object['metadata'] as Json), name: 'b' } })),
      `conversion webhook for ${gvk} returned invalid object: must have the same name: a != b`,
    ],
    [
      'labels that are none',
      (own) =>
        success(own, (object) => ({ ...object, metadata: { ...(object['metadata'] as Json), labels: { a: 1 } } })),
      `conversion webhook for ${gvk} returned invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object`,
    ],
    [
      'an error of the server',
      () => ({ status: 500, body: 'broken' }),
      `${failed} an error on the server ("broken") has prevented the request from succeeding`,
    ],
    [
      'an answer that is not JSON',
      () => ({ body: '<html>' }),
      `${failed} couldn't get version/kind; json parse error: invalid character '<' looking for beginning of value`,
    ],
  ];
  for (const [name, answer, message] of cases) {
    await t.test(name, async () => {
      webhook.answer = answer;
      const status = assertStatus(await server.get(`${V2}/a`), 500);
      assert.ok(status.message?.includes(message) === true, String(status.message));
    });
  }
  webhook.answer = (own) =>
    success(own, (object) => ({
      ...object,
      metadata: { ...(object['metadata'] as Json), labels: { a: 'b' }, finalizers: ['x/y'] },
    }));
  const { metadata } = (await server.get(`${V2}/a`)).json();
  assert.deepEqual(metadata.labels, { a: 'b' });
  assert.equal(metadata.finalizers, undefined);
});

test('a webhook that cannot be reached or believed fails requests in other versions only, until it can', async () => {
  await using server = await startCustomServer();
  const webhook = await startWebhook();
  const { port } = new URL(webhook.url);
  await defineConverted(server, webhook);
  await webhook[Symbol.asyncDispose]();
  assert.equal((await server.post(WIDGETS, widget('a'))).status, 201);
  const status = assertStatus(await server.get(`${V2}/a`), 500);
  assert.match(
    status.message!,
    new RegExp(
      `^conversion webhook for example.com/v1, Kind=Widget failed: Post "https://localhost:${port}/convert\\?timeout=30s": dial tcp .*:${port}: connect: connection refused$`,
    ),
  );
  assertStatus(await server.get(V2), 500);
  await using other = await startWebhook();
  await server.redefine(converted(other.url, other.ca));
  assert.deepEqual((await server.get(`${V2}/a`)).json().spec, { length: 1 });

  const { ca } = await authority(1);
  await server.redefine(converted(other.url, ca));
  const untrusted = assertStatus(await server.get(`${V2}/a`), 500);
  assert.match(untrusted.message!, /tls: failed to verify certificate: x509: certificate signed by unknown authority$/);
});
