import assert from 'node:assert/strict';
import type { ManagedFieldsEntry } from '#api';
import { FakeClock } from '#util';
import { type Answer, type Ask, type HttpsServer, type Json, startHttpsServer } from './https.ts';

export const NAMESPACE = '/api/v1/namespaces/default';
export const APPS = '/apis/apps/v1/namespaces/default';

const TYPES = {
  apply: 'application/apply-patch+yaml',
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

interface ApplyOptions {
  /** The fieldManager parameter; '' leaves it out. Default: `tester`. */
  readonly manager?: string;
  /** More parameters, as `force=true`. */
  readonly query?: string;
}

/** A server on a clock of its own, and short words for what is written to it. */
export interface Writer extends AsyncDisposable {
  readonly server: HttpsServer;
  readonly clock: FakeClock;
  ask(path: string, ask?: Ask): Promise<Answer>;
  apply(path: string, body: object | string, options?: ApplyOptions): Promise<Answer>;
  patch(
    type: Exclude<keyof typeof TYPES, 'apply'>,
    path: string,
    body: object,
    options?: ApplyOptions,
  ): Promise<Answer>;
  /** PUT. */
  put(path: string, body: object, options?: ApplyOptions): Promise<Answer>;
  post(path: string, body: object, options?: ApplyOptions): Promise<Answer>;
  get(path: string): Promise<Json>;
  /** Who owns what of the object: `manager Operation version subresource` → paths, one a line. */
  owners(path: string): Promise<Record<string, string>>;
}

export async function startWriter(): Promise<Writer> {
  const clock = new FakeClock(Date.parse('2030-01-01T00:00:00Z'));
  const server = await startHttpsServer({ clock });
  const write = (
    method: string,
    path: string,
    body: object | string,
    { manager = 'tester', query = '' }: ApplyOptions = {},
    type = 'application/json',
  ): Promise<Answer> => {
    const parameters = [manager === '' ? '' : `fieldManager=${manager}`, query].filter((part) => part !== '');
    return server.ask(`${path}?${parameters.join('&')}`, { method, body, headers: { 'content-type': type } });
  };
  const get = async (path: string): Promise<Json> => {
    const answer = await server.ask(path);
    assert.equal(answer.status, 200, answer.text);
    return answer.json();
  };
  return {
    server,
    clock,
    ask: (path, ask) => server.ask(path, ask),
    apply: (path, body, options) => write('PATCH', path, body, options, TYPES.apply),
    patch: (type, path, body, options) => write('PATCH', path, body, options, TYPES[type]),
    put: (path, body, options) => write('PUT', path, body, options),
    post: (path, body, options) => write('POST', path, body, options),
    get,
    owners: async (path) => ownersOf((await get(path)).metadata.managedFields),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export function ownersOf(entries: readonly ManagedFieldsEntry[] | undefined): Record<string, string> {
  return Object.fromEntries(
    (entries ?? []).map(({ manager, operation, apiVersion, subresource, fieldsV1 }) => [
      [manager, operation, apiVersion, ...(subresource === undefined ? [] : [subresource])].join(' '),
      pathsOf(fieldsV1 as Json).join('\n'),
    ]),
  );
}

function pathsOf(fields: Record<string, Json>, at = ''): string[] {
  return Object.entries(fields).flatMap(([element, below]) => {
    const path = element === '.' ? `${at}.` : `${at}${at === '' ? '' : '/'}${element.replace(/^f:/, '')}`;
    return Object.keys(below).length === 0 ? [path] : pathsOf(below, path);
  });
}

/** The answer must have this status; gives its body. */
export function said(status: number, answer: Answer): Json {
  assert.equal(answer.status, status, answer.text);
  return answer.json();
}
