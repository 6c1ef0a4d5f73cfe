import assert from 'node:assert/strict';
import { type Answer, type HttpsServer, type Json, startHttpsServer } from '../../src/apiserver/testdata/https.ts';

/** Content types of patches. */
export const PATCHES = {
  apply: 'application/apply-patch+yaml',
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

export interface Session extends AsyncDisposable {
  readonly server: HttpsServer;
  /** Each request must be answered well. */
  get(path: string): Promise<Json>;
  post(path: string, body: object): Promise<Json>;
  put(path: string, body: object): Promise<Json>;
  patch(path: string, body: object, type?: keyof typeof PATCHES): Promise<Json>;
  delete(path: string, body?: object): Promise<Json>;
  /** Names of what a list has. */
  names(path: string): Promise<string[]>;
  /** The request must fail with this code; returns the Status. */
  refused(code: number, method: string, path: string, body?: object): Promise<Json>;
  /** So many events of a watch, which then is left. */
  events(path: string, count: number): Promise<{ readonly type: string; readonly object: Json }[]>;
}

/** A server and an administrator who talks to it over HTTP. */
export async function startSession(): Promise<Session> {
  const server = await startHttpsServer();
  const good = async (method: string, path: string, body?: object, type?: string): Promise<Json> => {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    const answer = await server.ask(path, { method, body, headers });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`);
    return answer.json();
  };
  const get = (path: string): Promise<Json> => good('GET', path);
  return {
    server,
    get,
    post: (path, body) => good('POST', path, body),
    put: (path, body) => good('PUT', path, body),
    patch: (path, body, type = 'merge') => good('PATCH', path, body, PATCHES[type]),
    delete: (path, body) => good('DELETE', path, body),
    names: async (path) => (await get(path)).items.map(({ metadata }: Json) => metadata.name),
    async refused(code, method, path, body) {
      const headers: Record<string, string> = method === 'PATCH' ? { 'content-type': PATCHES.merge } : {};
      const answer: Answer = await server.ask(path, { method, body, headers });
      assert.equal(answer.status, code, answer.text);
      return answer.json();
    },
    events: (path, count) => eventsOf(server, path, count),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function eventsOf(server: HttpsServer, path: string, count: number): Promise<{ type: string; object: Json }[]> {
  const { promise, resolve, reject } = Promise.withResolvers<{ type: string; object: Json }[]>();
  const stream = server.connect().request({ ':path': path });
  let text = '';
  stream.on('error', reject);
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split('\n');
    if (lines.length <= count) return;
    stream.close();
    resolve(lines.slice(0, count).map((line) => JSON.parse(line)));
  });
  return promise;
}
