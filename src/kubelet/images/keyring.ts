import type { Secret } from '#api';

/**
 * Credentials for registries out of image pull secrets. Source: pkg/credentialprovider/keyring.go and pkg/credentialprovider/secrets v1.36.
 */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

interface Entry {
  username?: unknown;
  password?: unknown;
  auth?: unknown;
}

const DEFAULT_REGISTRY = 'index.docker.io';

function entriesOf({ type, data = {} }: Secret): Record<string, Entry> {
  const read = (key: string): unknown => JSON.parse(Buffer.from(data[key] ?? '', 'base64').toString('utf8'));
  if (type === 'kubernetes.io/dockerconfigjson' && (data['.dockerconfigjson'] ?? '') !== '') {
    const { auths } = read('.dockerconfigjson') as { auths?: Record<string, Entry> };
    return auths ?? {};
  }
  if (type === 'kubernetes.io/dockercfg' && (data['.dockercfg'] ?? '') !== '')
    return read('.dockercfg') as Record<string, Entry>;
  return {};
}

function credentialsOf({ username, password, auth }: Entry): Credentials {
  if (typeof auth === 'string' && auth !== '') {
    const text = Buffer.from(auth, 'base64').toString('utf8').replaceAll('\0', '');
    const colon = text.indexOf(':');
    if (colon < 0) throw new Error('unable to parse auth field, must be formatted as base64(username:password)');
    return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  return {
    username: typeof username === 'string' ? username : '',
    password: typeof password === 'string' ? password : '',
  };
}

/** `https://Host/v1/path/` → `Host/path`: the API version of a Docker registry is not part of what is matched. */
function keyOf(location: string): string {
  const url = new URL(/^https?:\/\//.test(location) ? location : `https://${location.replaceAll('*', 'wildcard--')}`);
  const host = /^https?:\/\/([^/?#]*)/.exec(location)?.[1] ?? location.split('/', 1)[0] ?? '';
  let path = url.pathname;
  for (const version of ['/v1', '/v2']) {
    if (path === version || path.startsWith(`${version}/`)) path = path.slice(version.length);
  }
  return path !== '' && path !== '/' ? `${host}${path.replace(/\/$/, '')}` : host;
}

/** One label of a host name against a pattern with `*`. */
function labelMatches(pattern: string, label: string): boolean {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`).test(label);
}

/** Same number of labels, each matching; same port if the pattern names one; the path is a prefix. Source: URLsMatch. */
function matches(pattern: string, target: string): boolean {
  const [patternHost = '', targetHost = ''] = [pattern.split('/', 1)[0], target.split('/', 1)[0]];
  const split = (host: string): [string[], string] => {
    const colon = host.lastIndexOf(':');
    return colon < 0 ? [host.split('.'), ''] : [host.slice(0, colon).split('.'), host.slice(colon + 1)];
  };
  const [patternLabels, patternPort] = split(patternHost);
  const [targetLabels, targetPort] = split(targetHost);
  if (patternPort !== targetPort || patternLabels.length !== targetLabels.length) return false;
  if (!patternLabels.every((label, i) => labelMatches(label, targetLabels[i] ?? ''))) return false;
  return target.slice(targetHost.length).startsWith(pattern.slice(patternHost.length));
}

/**
 * The credentials to try in turn for `repository` (as {@link repositoryOf} gives it), the most specific first; empty: pull without.
 * Throws when a secret cannot be read.
 */
export function lookUpCredentials(secrets: readonly Secret[], repository: string): Credentials[] {
  const index = new Map<string, Credentials[]>();
  for (const secret of secrets) {
    for (const [location, entry] of Object.entries(entriesOf(secret))) {
      const key = keyOf(location);
      index.set(key, [...(index.get(key) ?? []), credentialsOf(entry)]);
    }
  }
  const keys = [...index.keys()].toSorted().toReversed();
  const found = keys.filter((key) => matches(key, repository)).flatMap((key) => index.get(key) ?? []);
  if (found.length > 0) return found;
  return repository.startsWith('docker.io/') ? (index.get(DEFAULT_REGISTRY) ?? []) : [];
}
