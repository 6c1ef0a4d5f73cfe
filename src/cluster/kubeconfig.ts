import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CORE_SCHEMA, dump, loadAll } from 'js-yaml';
import { errorCode } from '#linux';
import { readOptional, writeFileAtomic } from './files.ts';
import type { KeyPair } from './pki/certificate.ts';

/** One cluster, user and context, all of the same name. */
export interface KubeconfigEntry {
  readonly name: string;
  /** As `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM. */
  readonly caCertificate: string;
  readonly client: KeyPair;
}

/** A kubeconfig file that is not one; nothing was changed. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

type Mapping = Record<string, unknown>;
const LISTS = ['clusters', 'users', 'contexts'] as const;

/** Name of the context of a cluster. */
export function contextName(clusterName: string): string {
  return clusterName === 'pirogue' ? 'pirogue' : `pirogue-${clusterName}`;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string | undefined): Mapping {
  let documents: unknown[];
  try {
    // Core schema: a date in an extension stays the text it is.
    documents = loadAll(text ?? '', { schema: CORE_SCHEMA });
  } catch (cause) {
    throw new KubeconfigError(`not YAML: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const [value] = documents;
  // Empty, or nothing but comments.
  if (documents.length === 0 || value === null) return { apiVersion: 'v1', kind: 'Config', preferences: {} };
  if (documents.length > 1) throw new KubeconfigError('not a kubeconfig: several YAML documents');
  if (!isMapping(value)) throw new KubeconfigError('not a kubeconfig: a mapping is expected');
  return value;
}

function listOf(config: Mapping, key: string): unknown[] {
  const list = config[key] ?? [];
  if (!Array.isArray(list)) throw new KubeconfigError(`not a kubeconfig: ${key} is not a list`);
  return list;
}

function named(item: unknown, name: string): boolean {
  return isMapping(item) && item['name'] === name;
}

/** Puts the value in the place of the item of its name, or at the end. */
function withItem(config: Mapping, key: string, item: Mapping & { name: string }): Mapping {
  const list = listOf(config, key);
  const at = list.findIndex((other) => named(other, item.name));
  return { ...config, [key]: at < 0 ? [...list, item] : list.with(at, item) };
}

function print(config: Mapping): string {
  return dump(config, { lineWidth: -1, noRefs: true, schema: CORE_SCHEMA });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The text of a kubeconfig with this entry added or replaced and made current; all else, unknown fields too, is kept; comments are not. */
export function mergeKubeconfig(existing: string | undefined, entry: KubeconfigEntry): string {
  const { name, server, caCertificate, client } = entry;
  let config = parse(existing);
  config = withItem(config, 'clusters', {
    name,
    cluster: { 'certificate-authority-data': base64(caCertificate), server },
  });
  config = withItem(config, 'users', {
    name,
    user: { 'client-certificate-data': base64(client.certificate), 'client-key-data': base64(client.key) },
  });
  const before = listOf(config, 'contexts').find((item) => named(item, name));
  const old = isMapping(before) && isMapping(before['context']) ? before['context'] : {};
  // A default namespace set with `kubectl config set-context` survives.
  config = withItem(config, 'contexts', { name, context: { ...old, cluster: name, user: name } });
  return print({ ...config, 'current-context': name });
}

/** The text without the entry; undefined when there is nothing to remove. */
export function removeFromKubeconfig(existing: string, name: string): string | undefined {
  let config = parse(existing);
  const present = LISTS.some((key) => listOf(config, key).some((item) => named(item, name)));
  if (!present && config['current-context'] !== name) return undefined;
  for (const key of LISTS) {
    if (config[key] !== undefined)
      config = { ...config, [key]: listOf(config, key).filter((item) => !named(item, name)) };
  }
  return print(config['current-context'] === name ? { ...config, 'current-context': '' } : config);
}

/**
 * The file to write to: the one named, else the first file of $KUBECONFIG that exists (the last when none does), else ~/.kube/config.
 * Writing elsewhere than the first that exists would let an older entry of the same name win.
 */
export async function kubeconfigPath(
  explicit: string | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  if (explicit !== undefined) return explicit;
  const files = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  for (const file of files) if ((await ownerOf(file)) !== undefined) return file;
  return files.at(-1) ?? join(env['HOME'] ?? homedir(), '.kube', 'config');
}

async function ownerOf(file: string): Promise<{ uid: number; gid: number } | undefined> {
  try {
    const { uid, gid } = await stat(file);
    return { uid, gid };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function rewrite(file: string, change: (text: string | undefined) => string | undefined): Promise<boolean> {
  const existing = await readOptional(file);
  let text: string | undefined;
  try {
    text = change(existing);
  } catch (error) {
    if (error instanceof KubeconfigError) throw new KubeconfigError(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
  if (text === undefined || text === existing) return false;
  // Root may be working on a user's file (sudo): it stays the user's.
  const owner = await ownerOf(file);
  await writeFileAtomic(file, text, { mode: 0o600, durable: true, ...(owner && { owner }) });
  return true;
}

/** Returns whether the file changed. */
export function mergeKubeconfigFile(file: string, entry: KubeconfigEntry): Promise<boolean> {
  return rewrite(file, (text) => mergeKubeconfig(text, entry));
}

/** Returns whether the file changed. */
export function removeFromKubeconfigFile(file: string, name: string): Promise<boolean> {
  return rewrite(file, (text) => (text === undefined ? undefined : removeFromKubeconfig(text, name)));
}
