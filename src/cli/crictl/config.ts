/** Where the runtime is and how long to wait for it: options, then the environment, then `/etc/crictl.yaml`. */
import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { UsageError } from '../command.ts';
import { bool, duration, string, type Values } from './flags.ts';

/** The first of crictl's own defaults. */
const DEFAULT_ENDPOINT = 'unix:///run/containerd/containerd.sock';
const DEFAULT_CONFIG = '/etc/crictl.yaml';
const DEFAULT_TIMEOUT_MS = 2000;

export const GLOBAL_FLAGS = {
  config: string(`Location of the client config file (default ${DEFAULT_CONFIG}) [$CRI_CONFIG_FILE]`, 'c'),
  'runtime-endpoint': string('Endpoint of CRI container runtime service [$CONTAINER_RUNTIME_ENDPOINT]', 'r'),
  'image-endpoint': string(
    "Endpoint of CRI image manager service (default: uses 'runtime-endpoint' setting) [$IMAGE_SERVICE_ENDPOINT]",
    'i',
  ),
  timeout: duration('Timeout of questions to the server (e.g. 2s, 20s), 2s by default', 't'),
  debug: bool('Enable debug mode: show where errors come from', 'D'),
  version: bool('Print the version', 'v'),
} as const;

export interface CrictlConfig {
  /** URLs. */
  readonly runtimeEndpoint: string;
  readonly imageEndpoint: string;
  readonly timeoutMs: number;
  readonly debug: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

export async function readConfig(values: Values<typeof GLOBAL_FLAGS>, env: Env): Promise<CrictlConfig> {
  const given = values.config ?? nonEmpty(env['CRI_CONFIG_FILE']);
  const file = given ?? DEFAULT_CONFIG;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (given !== undefined || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    text = '';
  }
  const settings = parseConfigFile(text, file);
  const runtimeEndpoint =
    values['runtime-endpoint'] ??
    nonEmpty(env['CONTAINER_RUNTIME_ENDPOINT']) ??
    nonEmpty(settings['runtime-endpoint']) ??
    DEFAULT_ENDPOINT;
  const imageEndpoint =
    values['image-endpoint'] ??
    nonEmpty(env['IMAGE_SERVICE_ENDPOINT']) ??
    nonEmpty(settings['image-endpoint']) ??
    runtimeEndpoint;
  const fileTimeoutMs = Number(settings['timeout'] ?? 0) * 1000;
  const timeoutMs = values.timeout ?? fileTimeoutMs;
  return {
    runtimeEndpoint,
    imageEndpoint,
    timeoutMs: timeoutMs > 0 ? timeoutMs : DEFAULT_TIMEOUT_MS,
    debug: values.debug || settings['debug'] === 'true',
  };
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/** Name → what the value must look like. The last three are read by verbs that are not here. */
const SETTINGS: Readonly<Record<string, RegExp>> = {
  'runtime-endpoint': /^/,
  'image-endpoint': /^/,
  timeout: /^-?\d+$/,
  debug: /^(true|false)$/,
  'pull-image-on-create': /^(true|false)$/,
  'disable-pull-on-run': /^(true|false)$/,
  'max-retries': /^-?\d+$/,
};

function parseConfigFile(text: string, file: string): Readonly<Record<string, string>> {
  const content: unknown = text.trim() === '' ? {} : load(text);
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new Error(`${file} is no map of settings`);
  return Object.fromEntries(
    Object.entries(content).map(([name, value]: [string, unknown]) => {
      const written = typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value);
      const pattern = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
      if (pattern === undefined) throw new Error(`${file}: Config option '${name}' is not valid`);
      if (!pattern.test(written))
        throw new Error(`${file}: parsing config option '${name}': ${JSON.stringify(written)}`);
      return [name, written];
    }),
  );
}

/** The path of a unix socket, which is all a runtime listens on here. */
export function socketPath(endpoint: string): string {
  if (endpoint.startsWith('/')) return endpoint;
  const path = /^unix:(?:\/\/)?(\/.*)$/.exec(endpoint)?.[1];
  if (path === undefined)
    throw new UsageError(`endpoint ${JSON.stringify(endpoint)}: it takes unix:///PATH, the runtime's socket`);
  return path;
}
