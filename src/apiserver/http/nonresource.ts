import type { Kind } from '#api';
import type { Store } from '#store';
import { serveDiscovery } from '../discovery/serve.ts';
import { methodNotAllowed, notFoundPath } from '../handlers/options.ts';
import { OPENID_MAX_AGE_S, openIdDocument, type OpenIdMetadata } from '../serviceaccount/openid.ts';
import type { OpenApi } from '../openapi/openapi.ts';
import { serveOpenApi } from '../openapi/serve.ts';
import type { Registry } from '../registry/registry.ts';
import type { HttpRequest, HttpResponse, RequestContext } from './context.ts';
import { isTrue } from './request-info.ts';

export interface NonResourceOptions {
  readonly store: Store;
  readonly registry: Pick<Registry, 'kinds' | 'serves'>;
  readonly openApi: OpenApi;
  /** By which others verify tokens of service accounts. */
  readonly openId: OpenIdMetadata;
  /** `host:port` clients of the old discovery are told. */
  readonly serverAddress: string;
  readonly version: VersionInfo;
  /** Named readiness checks beside the store's; throw to fail. */
  readonly readyChecks: Readonly<Record<string, () => void | Promise<void>>>;
  readonly metrics: () => string;
}

/** Source: version.Info of apimachinery v0.36. */
export interface VersionInfo {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly gitTreeState: string;
  readonly buildDate: string;
  readonly goVersion: string;
  readonly compiler: string;
  readonly platform: string;
}

const json = (object: unknown, pretty = false): HttpResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private' },
  body: pretty ? `${JSON.stringify(object, undefined, 2)}\n` : JSON.stringify(object),
});

const text = (status: number, body: string): HttpResponse => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
  body,
});

/** What upstream's mux says where nothing is. */
export const pageNotFound = (): HttpResponse => text(404, '404 page not found\n');

/** Paths that are no resources: discovery, OpenAPI, version, health, metrics. */
export async function nonResource(options: NonResourceOptions, context: RequestContext): Promise<HttpResponse> {
  const { request, info } = context;
  const path = info.path.length > 1 ? info.path.replace(/\/+$/, '') : info.path;
  const parts = path.split('/').slice(1);
  switch (parts[0]) {
    case '':
      return json({ paths: rootPaths(options.registry.kinds) }, true);
    case 'api':
    case 'apis':
      return discovery(options, request, parts);
    case 'version':
      if (request.method !== 'GET') throw methodNotAllowed();
      return json(options.version, true);
    case 'healthz':
    case 'livez':
    case 'readyz':
      return await health(options, parts[0], parts.slice(1), request.query);
    case 'metrics':
      return text(200, options.metrics());
    case 'openapi':
      return (await serveOpenApi(options.openApi, request, path)) ?? pageNotFound();
    default: {
      const found = openIdDocument(options.openId, path);
      if (found === undefined) return pageNotFound();
      const headers = { 'content-type': found.type, 'cache-control': `public, max-age=${OPENID_MAX_AGE_S}` };
      return { status: 200, headers, body: found.body };
    }
  }
}

function rootPaths(kinds: readonly Kind[]): string[] {
  const groups = kinds
    .filter((k) => k.group !== '')
    .flatMap((k) => [`/apis/${k.group}`, `/apis/${k.group}/${k.version}`]);
  return [
    ...new Set([
      '/.well-known/openid-configuration',
      '/api',
      '/api/v1',
      '/apis',
      ...groups,
      '/healthz',
      '/livez',
      '/metrics',
      '/openapi/v2',
      '/openapi/v3',
      '/openid/v1/jwks',
      '/readyz',
      '/version',
    ]),
  ].toSorted();
}

function discovery(
  { registry, serverAddress }: NonResourceOptions,
  request: HttpRequest,
  parts: readonly string[],
): HttpResponse {
  if (request.method !== 'GET') throw methodNotAllowed();
  const found = serveDiscovery({ kinds: registry.kinds, serverAddress }, request, parts);
  if (found !== undefined) return found;
  // Paths below a group that is there are its own to refuse.
  if (parts[0] === 'api' || registry.serves(parts[1]!)) throw notFoundPath();
  return pageNotFound();
}

/** Source: apiserver pkg/server/healthz v1.36. */
async function health(
  { store, readyChecks }: NonResourceOptions,
  name: string,
  only: readonly string[],
  query: URLSearchParams,
): Promise<HttpResponse> {
  const checks: Record<string, () => unknown> = {
    ping: () => undefined,
    etcd: () => store.range({ key: '/registry/health', countOnly: true }),
    ...(name === 'readyz' ? readyChecks : {}),
  };
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  let failed = false;
  for (const [check, run] of Object.entries(checks)) {
    if (only.length > 0 && only[0] !== check) continue;
    if (excluded.has(check)) {
      lines.push(`[+]${check} excluded: ok`);
      continue;
    }
    try {
      await run();
      lines.push(`[+]${check} ok`);
    } catch {
      failed = true;
      lines.push(`[-]${check} failed: reason withheld`);
    }
  }
  if (only.length > 0 && lines.length === 0) return pageNotFound();
  if (failed) return text(500, `${lines.join('\n')}\n${name} check failed\n`);
  const verbose = query.has('verbose') && isTrue(query.get('verbose'));
  return text(200, verbose ? `${lines.join('\n')}\n${name} check passed\n` : 'ok');
}
