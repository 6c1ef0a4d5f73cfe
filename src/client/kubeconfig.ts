import { load } from 'js-yaml';
import { StatusError } from '#api';

/** Where an API server is and how to be known to it: the part of a kubeconfig that one context names. PEM texts. */
export interface ClientConfig {
  /** `https://host:port`. */
  readonly server: string;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
  /** Namespace of the context. */
  readonly namespace?: string | undefined;
  /** Name the server's certificate is checked against; default: the host of `server`. */
  readonly tlsServerName?: string | undefined;
}

export interface KubeconfigOptions {
  /** Default: `current-context`. */
  readonly context?: string | undefined;
  /** Reads a file that the config names instead of holding its content. Absent: such configs are refused. */
  readonly readFile?: ((path: string) => string) | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads the text of a kubeconfig. Throws StatusError `Invalid` that says what is wrong. Source: client-go tools/clientcmd v0.36. */
export function loadKubeconfig(text: string, { context: wanted, readFile }: KubeconfigOptions = {}): ClientConfig {
  const config = parse(text);
  const name = wanted ?? stringOf(config, 'current-context');
  if (name === undefined || name === '') throw wrong('no context is chosen: current-context is empty');
  const context = named(config, 'contexts', 'context', name);
  const cluster = named(config, 'clusters', 'cluster', stringOf(context, 'cluster') ?? '');
  const userName = stringOf(context, 'user') ?? '';
  const user = userName === '' ? {} : named(config, 'users', 'user', userName);

  const server = stringOf(cluster, 'server');
  if (server === undefined || !URL.canParse(server)) throw wrong(`cluster of context "${name}" has no valid server`);
  for (const method of ['exec', 'auth-provider', 'username']) {
    if (user[method] !== undefined) throw wrong(`user "${userName}": authentication by ${method} is not supported`);
  }
  if (cluster['insecure-skip-tls-verify'] === true) throw wrong('insecure-skip-tls-verify is not supported');

  const material = (fields: Fields, key: string): string | undefined => {
    const data = stringOf(fields, `${key}-data`);
    if (data !== undefined && data !== '') return Buffer.from(data, 'base64').toString('utf8');
    const path = stringOf(fields, key);
    if (path === undefined || path === '') return undefined;
    if (readFile === undefined) throw wrong(`${key} names a file, and files cannot be read here`);
    return readFile(path);
  };
  return {
    server,
    ca: material(cluster, 'certificate-authority'),
    cert: material(user, 'client-certificate'),
    key: material(user, 'client-key'),
    token: stringOf(user, 'token'),
    namespace: stringOf(context, 'namespace'),
    tlsServerName: stringOf(cluster, 'tls-server-name'),
  };
}

function parse(text: string): Fields {
  let config: unknown;
  try {
    config = load(text);
  } catch (cause) {
    throw wrong('it is not YAML', cause);
  }
  if (!isFields(config)) throw wrong('it is not a mapping');
  return config;
}

function named(config: Fields, list: string, key: string, name: string): Fields {
  const entries = config[list];
  const entry = Array.isArray(entries) ? entries.find((e) => isFields(e) && e['name'] === name) : undefined;
  const value: unknown = isFields(entry) ? entry[key] : undefined;
  if (!isFields(value)) throw wrong(`${key} "${name}" does not exist`);
  return value;
}

function stringOf(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  return typeof value === 'string' ? value : undefined;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const wrong = (what: string, cause?: unknown): StatusError =>
  new StatusError('Invalid', `invalid kubeconfig: ${what}`, cause === undefined ? {} : { cause });
