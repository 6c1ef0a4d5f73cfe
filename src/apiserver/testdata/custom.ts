/** Definitions of custom resources for tests, and requests about them over HTTP. */
import assert from 'node:assert/strict';
import { CustomResourceDefinition, type Draft, type Status } from '#api';
import type { TestApiServer, TestApiServerOptions } from '#testing';
import { type Answer, type HttpsServer, startHttpsServer } from './https.ts';

type Spec = CustomResourceDefinition['spec'];
export type Version = Spec['versions'][number];
export type Props = NonNullable<NonNullable<Version['schema']>['openAPIV3Schema']>;
type Json = Readonly<Record<string, unknown>>;

export const version = (name: string, props: Props, more: Partial<Version> = {}): Version => ({
  name,
  served: true,
  storage: true,
  schema: { openAPIV3Schema: { type: 'object', ...props } },
  ...more,
});

/** A spec that knows `size` and `color`, and a status with a `phase`. */
export const WIDGET_PROPS: Props = {
  properties: {
    spec: { type: 'object', properties: { size: { type: 'integer' }, color: { type: 'string' } } },
    status: { type: 'object', properties: { phase: { type: 'string' } } },
  },
};

/** Widgets of example.com. */
export function widgets(spec: Partial<Spec> = {}): Draft<CustomResourceDefinition> {
  const names = { plural: 'widgets', kind: 'Widget', ...spec.names };
  const group = spec.group ?? 'example.com';
  return {
    metadata: { name: `${names.plural}.${group}` },
    spec: { group, scope: 'Namespaced', versions: [version('v1', WIDGET_PROPS)], ...spec, names },
  };
}

export const widget = (name: string, rest: Json = { spec: { size: 1 } }, metadata: Json = {}): Json => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name, ...metadata },
  ...rest,
});

export const isTrue = (definition: CustomResourceDefinition, type: string): boolean =>
  definition.status.conditions?.find((condition) => condition.type === type)?.status === 'True';

/** Waits until the definition is as it should be; undefined: it is gone. */
export async function untilDefinition(
  { client }: Pick<TestApiServer, 'client'>,
  name: string,
  is: (definition: CustomResourceDefinition | undefined) => boolean,
): Promise<void> {
  const stop = new AbortController();
  const found = Promise.withResolvers<void>();
  const watch = client.watch(CustomResourceDefinition, {
    signal: stop.signal,
    onEvents(events) {
      for (const { type, object } of events as readonly { type: string; object: CustomResourceDefinition }[])
        if (object.metadata.name === name && is(type === 'DELETED' ? undefined : object)) found.resolve();
    },
  });
  watch.catch(found.reject);
  await found.promise;
  stop.abort(new Error('the test has seen enough'));
  await watch.catch(() => undefined); // it ends as it was told to
}

export interface CustomServer extends AsyncDisposable {
  readonly https: HttpsServer;
  readonly test: TestApiServer;
  /** Creates a definition and waits until it is in service. */
  define(definition: Draft<CustomResourceDefinition>): Promise<void>;
  /** Replaces the spec of a definition. */
  redefine(definition: Draft<CustomResourceDefinition>): Promise<void>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  put(path: string, body: unknown): Promise<Answer>;
  patch(path: string, body: unknown, type?: string): Promise<Answer>;
  delete(path: string, body?: unknown): Promise<Answer>;
}

export const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';

export async function startCustomServer(options?: TestApiServerOptions): Promise<CustomServer> {
  const https = await startHttpsServer(options);
  const { test } = https;
  const send = (method: string, path: string, body: unknown, type: string): Promise<Answer> =>
    https.ask(path, {
      method,
      headers: { 'content-type': type },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  return {
    https,
    test,
    async define(definition) {
      await test.client.create(CustomResourceDefinition, definition);
      await untilDefinition(test, definition.metadata.name!, (own) => own !== undefined && isTrue(own, 'Established'));
    },
    async redefine({ metadata, spec }) {
      const current = await test.client.get(CustomResourceDefinition, { name: metadata.name! });
      await test.client.update(CustomResourceDefinition, { ...current, spec });
    },
    get: (path, headers = {}) => https.ask(path, { headers }),
    post: (path, body) => send('POST', path, body, 'application/json'),
    put: (path, body) => send('PUT', path, body, 'application/json'),
    patch: (path, body, type = 'application/merge-patch+json') => send('PATCH', path, body, type),
    delete: (path, body) => send('DELETE', path, body, 'application/json'),
    [Symbol.asyncDispose]: () => https[Symbol.asyncDispose](),
  };
}

/** The answer must be a Status of this code and, if given, message. */
export function assertStatus(answer: Answer, code: number, message?: string): Status {
  assert.equal(answer.status, code, answer.text);
  const status = answer.json() as Status;
  if (message !== undefined) assert.equal(status.message, message);
  return status;
}
