import { serveDiscovery } from '../discovery/serve.ts';
import { health, type HealthOptions, healthPaths } from '../health/health.ts';
import { methodNotAllowed, notFoundPath } from '../handlers/options.ts';
import { OPENID_MAX_AGE_S, openIdDocument, type OpenIdMetadata } from '../serviceaccount/openid.ts';
import type { OpenApi } from '../openapi/openapi.ts';
import { serveOpenApi } from '../openapi/serve.ts';
import type { Registry } from '../registry/registry.ts';
import type { HttpRequest, HttpResponse, RequestContext } from './context.ts';

export interface NonResourceOptions extends HealthOptions {
  readonly registry: Pick<Registry, 'kinds' | 'serves'>;
  readonly openApi: OpenApi;
  /** By which others verify tokens of service accounts. */
  readonly openId: OpenIdMetadata;
  /** `host:port` clients of the old discovery are told. */
  readonly serverAddress: string;
  readonly version: VersionInfo;
  readonly metrics: () => Promise<string>;
}

/** What was built. Source: version.Info of apimachinery v0.36. */
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

/** Source: WriteRawJSON of handlers/responsewriters/writers.go v1.36. */
const json = (object: unknown): HttpResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private' },
  body: JSON.stringify(object, undefined, 2),
});

const text = (status: number, body: string): HttpResponse => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
  body,
});

/** Nothing older is emulated. Source: Info of k8s.io/component-base compatibility/version.go v1.36. */
const versionInfo = ({ major, minor, ...more }: VersionInfo): object => ({
  major,
  minor,
  emulationMajor: major,
  emulationMinor: minor,
  minCompatibilityMajor: major,
  minCompatibilityMinor: String(Number.parseInt(minor, 10) - 1),
  ...more,
});

/** Source: expfmt.FmtText of prometheus/common. */
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

/** What upstream's mux says where nothing is. */
export const pageNotFound = (): HttpResponse => text(404, '404 page not found\n');

/** Paths that are no resources: discovery, OpenAPI, version, health, metrics. */
export async function nonResource(options: NonResourceOptions, context: RequestContext): Promise<HttpResponse> {
  const { request, info } = context;
  const path = info.path.length > 1 ? info.path.replace(/\/+$/, '') : info.path;
  const parts = path.split('/').slice(1);
  switch (parts[0]) {
    case '':
      return json({ paths: rootPaths(options) });
    case 'api':
    case 'apis':
      return discovery(options, request, parts);
    case 'version':
      if (request.method !== 'GET') throw methodNotAllowed();
      return json(versionInfo(options.version));
    case 'healthz':
    case 'livez':
    case 'readyz':
      return (await health(options, parts[0], parts.slice(1).join('/'), request.query)) ?? pageNotFound();
    case 'metrics':
      return { ...text(200, await options.metrics()), headers: { 'content-type': METRICS_TYPE } };
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

function rootPaths(options: NonResourceOptions): string[] {
  const groups = options.registry.kinds
    .filter((k) => k.group !== '')
    .flatMap((k) => [`/apis/${k.group}`, `/apis/${k.group}/${k.version}`]);
  return [
    ...new Set([
      '/.well-known/openid-configuration',
      '/api',
      '/api/v1',
      '/apis',
      ...groups,
      ...healthPaths(options),
      '/metrics',
      '/openapi/v2',
      '/openapi/v3',
      '/openid/v1/jwks',
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
