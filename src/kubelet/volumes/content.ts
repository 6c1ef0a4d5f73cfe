import type { ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret, Volume, VolumeProjection } from '#api';
import { optionally, type ReferencedObjects } from '../env/env.ts';
import { fieldValue, type NodeFacts, resourceValue } from '../env/fields.ts';

export interface FileContent {
  readonly data: Buffer;
  /** Permission bits. */
  readonly mode: number;
  /** Owner; absent: root. */
  readonly uid?: number | undefined;
}

/** What a volume of generated files holds: relative path → file. */
export type Payload = ReadonlyMap<string, FileContent>;

/** A service account token asked for by a projected volume. */
export interface TokenRequest {
  readonly path: string;
  readonly audience: string;
  readonly expirationSeconds: number;
}

export interface ContentContext {
  readonly facts: NodeFacts;
  readonly objects: ReferencedObjects;
  /** Tokens got beforehand, by path. */
  readonly tokens: ReadonlyMap<string, string>;
}

const DEFAULT_MODE = 0o644;
/** Tokens of a pod that says who its users are: theirs alone, or their group's. Source: collectData of pkg/volume/projected/projected.go v1.36. */
const TOKEN_MODE = 0o600;
const TOKEN_MODE_GROUP = 0o640;
const DEFAULT_TOKEN_SECONDS = 3600;

/** All keys, or those named by `items`. `what` is upstream's word in the error. Source: MakePayload in pkg/volume/{configmap,secret}. */
function select(
  files: ReadonlyMap<string, Buffer>,
  {
    items,
    optional = false,
    defaultMode,
    what,
  }: { items?: KeyToPath[] | undefined; optional?: boolean | undefined; defaultMode: number; what: string },
): Map<string, FileContent> {
  if (items === undefined || items.length === 0) {
    return new Map([...files].map(([key, data]) => [key, { data, mode: defaultMode }]));
  }
  const result = new Map<string, FileContent>();
  for (const { key, path, mode } of items) {
    const data = files.get(key);
    if (data !== undefined) result.set(path, { data, mode: mode ?? defaultMode });
    else if (!optional) throw new Error(`references non-existent ${what} key: ${key}`);
  }
  return result;
}

function configMapFiles({ data = {}, binaryData = {} }: ConfigMap): Map<string, Buffer> {
  const texts = Object.entries(data).map(([key, text]): [string, Buffer] => [key, Buffer.from(text, 'utf8')]);
  const binary = Object.entries(binaryData).map(([key, base64]): [string, Buffer] => [
    key,
    Buffer.from(base64, 'base64'),
  ]);
  return new Map([...texts, ...binary]);
}

const secretFiles = ({ data = {} }: Secret): Map<string, Buffer> =>
  new Map(Object.entries(data).map(([key, base64]) => [key, Buffer.from(base64, 'base64')]));

type Source = { name: string; items?: KeyToPath[] | undefined; optional?: boolean | undefined; defaultMode: number };

function configMapPayload({ name, ...options }: Source, objects: ReferencedObjects): Payload {
  const object = optionally(options.optional, () => objects.configMap(name));
  return object === undefined ? new Map() : select(configMapFiles(object), { ...options, what: 'config' });
}

function secretPayload({ name, ...options }: Source, objects: ReferencedObjects): Payload {
  const object = optionally(options.optional, () => objects.secret(name));
  return object === undefined ? new Map() : select(secretFiles(object), { ...options, what: 'secret' });
}

function downwardPayload(
  pod: Pod,
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number,
  facts: NodeFacts,
): Payload {
  const result = new Map<string, FileContent>();
  for (const { path, fieldRef, resourceFieldRef, mode = defaultMode } of items) {
    let text = '';
    if (fieldRef !== undefined) text = fieldValue(pod, fieldRef, facts);
    else if (resourceFieldRef !== undefined) {
      const { containerName = '' } = resourceFieldRef;
      const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
        ({ name }) => name === containerName,
      );
      if (container === undefined) throw new Error(`container ${containerName} not found`);
      text = resourceValue(pod, container, resourceFieldRef, facts);
    }
    result.set(path, { data: Buffer.from(text, 'utf8'), mode });
  }
  return result;
}

/** The user all containers run as, if the pod says one. Source: FsUserFrom in pkg/volume/util/util.go v1.36. */
function fileUser({ spec }: Pod): number | undefined {
  const users = [...(spec.initContainers ?? []), ...spec.containers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  );
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}

/** Nobody but root could read a token that is root's alone, so where the pod names no user all may. */
function tokenOwner(pod: Pod, defaultMode: number): Pick<FileContent, 'mode' | 'uid'> {
  const uid = fileUser(pod);
  if (pod.spec.securityContext?.fsGroup !== undefined) return { mode: TOKEN_MODE_GROUP, uid };
  return uid === undefined ? { mode: defaultMode } : { mode: TOKEN_MODE, uid };
}

function projectionPayload(pod: Pod, source: VolumeProjection, defaultMode: number, context: ContentContext): Payload {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined)
    return configMapPayload({ ...configMap, name: configMap.name ?? '', defaultMode }, context.objects);
  if (secret !== undefined) return secretPayload({ ...secret, name: secret.name ?? '', defaultMode }, context.objects);
  if (downwardAPI !== undefined) return downwardPayload(pod, downwardAPI.items ?? [], defaultMode, context.facts);
  if (serviceAccountToken !== undefined) {
    const { path } = serviceAccountToken;
    return new Map([
      [path, { data: Buffer.from(context.tokens.get(path) ?? '', 'utf8'), ...tokenOwner(pod, defaultMode) }],
    ]);
  }
  throw new Error('projected volume source is not supported');
}

/** The tokens a volume needs before its content can be made. */
export function tokenRequests({ projected }: Volume): TokenRequest[] {
  return (projected?.sources ?? []).flatMap(({ serviceAccountToken: token }) =>
    token === undefined
      ? []
      : [
          {
            path: token.path,
            audience: token.audience ?? '',
            expirationSeconds: token.expirationSeconds ?? DEFAULT_TOKEN_SECONDS,
          },
        ],
  );
}

/** The files of a volume whose content comes from the API. Throws with upstream's message when something it needs is missing. */
export function volumePayload(pod: Pod, volume: Volume, context: ContentContext): Payload {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) {
    const { name = '', defaultMode = DEFAULT_MODE } = configMap;
    return configMapPayload({ ...configMap, name, defaultMode }, context.objects);
  }
  if (secret !== undefined) {
    const { secretName = '', defaultMode = DEFAULT_MODE } = secret;
    return secretPayload({ ...secret, name: secretName, defaultMode }, context.objects);
  }
  if (downwardAPI !== undefined) {
    return downwardPayload(pod, downwardAPI.items ?? [], downwardAPI.defaultMode ?? DEFAULT_MODE, context.facts);
  }
  const sources = projected?.sources ?? [];
  const defaultMode = projected?.defaultMode ?? DEFAULT_MODE;
  return new Map(sources.flatMap((source) => [...projectionPayload(pod, source, defaultMode, context)]));
}
