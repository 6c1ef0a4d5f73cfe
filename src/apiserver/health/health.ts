import type { Store } from '#store';
import { type Logger, messageOf } from '#util';
import type { HttpResponse } from '../http/context.ts';

/** Throws to fail. */
export type HealthCheck = () => void | Promise<void>;

export interface HealthOptions {
  readonly store: Store;
  /** Resources whose cache does not follow the store. */
  readonly unsynced: () => readonly string[];
  /** Steps of the start, in their order, and whether they are done. */
  readonly startSteps: ReadonlyMap<StartStep, () => boolean>;
  /** Readiness checks of others, by name. */
  readonly readyChecks: Readonly<Record<string, HealthCheck>>;
  /** The server is going down. */
  readonly stopping: () => boolean;
  /** Is told why a check fails, which the answer withholds. */
  readonly log: Logger;
}

/** Steps of the start that upstream takes too, by the names of its hooks. Source: AddPostStartHook in apiserver and apiextensions-apiserver v0.36. */
export const OWN_STEPS = [
  'generic-apiserver-start-informers',
  'start-apiextensions-informers',
  'start-apiextensions-controllers',
  'crd-informer-synced',
] as const;

/** Those of a server that listens. Source: pkg/controlplane, pkg/registry/{rbac,scheduling}/rest v1.36. */
export const LISTEN_STEPS = [
  'start-system-namespaces-controller',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'bootstrap-controller',
] as const;

export type StartStep = (typeof OWN_STEPS)[number] | (typeof LISTEN_STEPS)[number];

/** A path of them answers 500 as its way to say no. */
export const isHealthPath = (path: string): boolean => /^\/(?:healthz|livez|readyz)(?:\/|$)/.test(path);

export type HealthEndpoint = 'healthz' | 'livez' | 'readyz';

/** Checks in upstream's order. Source: AddHealthChecks of apiserver pkg/server, the storage's of pkg/server/options/etcd.go v1.36. */
function checksOf(
  { store, unsynced, startSteps, readyChecks, stopping }: HealthOptions,
  endpoint: HealthEndpoint,
): Map<string, HealthCheck> {
  const etcd = async (): Promise<void> => void (await store.range({ key: '/registry/health', countOnly: true }));
  const ready = endpoint === 'readyz';
  const checks = new Map<string, HealthCheck>([
    ['ping', () => undefined],
    // What is logged is written at once: whoever answers is not held up by it.
    ['log', () => undefined],
    ['etcd', etcd],
  ]);
  if (ready) {
    checks.set('etcd-readiness', etcd);
    checks.set('informer-sync', () => {
      const lost = unsynced();
      if (lost.length > 0) throw new Error(`${lost.length} informers not started yet: [${lost.join(' ')}]`);
    });
  }
  for (const [name, isDone] of startSteps)
    checks.set(`poststarthook/${name}`, () => {
      if (!isDone()) throw new Error('not finished');
    });
  if (!ready) return checks;
  for (const [name, check] of Object.entries(readyChecks)) checks.set(name, check);
  checks.set('shutdown', () => {
    if (stopping()) throw new Error('process is shutting down');
  });
  return checks;
}

const ENDPOINTS: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz'];

/** Paths of all checks. */
export const healthPaths = (options: HealthOptions): string[] =>
  ENDPOINTS.flatMap((name) => [`/${name}`, ...[...checksOf(options, name).keys()].map((check) => `/${name}/${check}`)]);

/**
 * Answers `/healthz`, `/livez` and `/readyz`, and the one check `only` names; undefined where there is no such check.
 * Source: apiserver pkg/server/healthz/healthz.go v1.36.
 */
export async function health(
  options: HealthOptions,
  endpoint: HealthEndpoint,
  only: string,
  query: URLSearchParams,
): Promise<HttpResponse | undefined> {
  const checks = checksOf(options, endpoint);
  if (only !== '') {
    const check = checks.get(only);
    return check === undefined ? undefined : await single(check);
  }
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  const failed: string[] = [];
  for (const [name, check] of checks) {
    if (excluded.delete(name)) {
      lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    try {
      await check();
      lines.push(`[+]${name} ok`);
    } catch (error) {
      // Who may know more may ask for the one check.
      failed.push(`${name}: ${messageOf(error)}`);
      lines.push(`[-]${name} failed: reason withheld`);
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].toSorted().map((name) => JSON.stringify(name));
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(',')}`);
  }
  const report = `${lines.join('\n')}\n`;
  if (failed.length > 0) {
    options.log.info('A health check failed', { endpoint, checks: failed });
    return text(500, `${report}${endpoint} check failed\n`);
  }
  return text(200, query.has('verbose') ? `${report}${endpoint} check passed\n` : 'ok');
}

async function single(check: HealthCheck): Promise<HttpResponse> {
  try {
    await check();
  } catch (error) {
    return text(500, `internal server error: ${messageOf(error)}\n`);
  }
  return text(200, 'ok');
}

const text = (status: number, body: string): HttpResponse => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
  body,
});
