import { ConfigMap, type Pod, Secret, ServiceAccount } from '#api';
import type { Client } from '#client';
import type { Clock, Logger } from '#util';
import { environmentReferences, ObjectNotFound, type ReferencedObjects } from '../env/env.ts';
import { ObjectCache, type ObjectHandle } from './object-cache.ts';

interface References {
  configMaps: Set<string>;
  secrets: Set<string>;
}

/** Names of all ConfigMaps and Secrets of its namespace that a pod refers to. */
function podReferences({ spec }: Pod): References {
  const result: References = { configMaps: new Set(), secrets: new Set() };
  const add = (set: Set<string>, name: string | undefined): void =>
    void (name !== undefined && name !== '' && set.add(name));
  for (const container of [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]) {
    const { configMaps, secrets } = environmentReferences(container);
    for (const name of configMaps) add(result.configMaps, name);
    for (const name of secrets) add(result.secrets, name);
  }
  for (const { configMap, secret, projected } of spec.volumes ?? []) {
    add(result.configMaps, configMap?.name);
    add(result.secrets, secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add(result.configMaps, source.configMap?.name);
      add(result.secrets, source.secret?.name);
    }
  }
  for (const { name } of spec.imagePullSecrets ?? []) add(result.secrets, name);
  return result;
}

/** The objects of one pod, as they are now. */
export interface PodObjects {
  readonly referenced: ReferencedObjects;
  /** Pull secrets of the pod and of its service account, and the names of those that are not there. */
  readonly pullSecrets: readonly Secret[];
  readonly missingPullSecrets: readonly string[];
}

interface Held {
  readonly configMaps: Map<string, ObjectHandle<ConfigMap>>;
  readonly secrets: Map<string, ObjectHandle<Secret>>;
  /** Pull secrets of the service account as they were when the pod came: what the admission of service accounts would have put into it. */
  accountSecrets?: readonly string[];
}

/** Keeps watches of what each pod refers to for as long as the pod is here. */
export interface ObjectStore {
  /** Everything `pod` refers to. Waits until the API has told of each object whether it exists. */
  of(pod: Pod, options: { signal: AbortSignal }): Promise<PodObjects>;
  release(podUid: string): void;
  releaseAll(): void;
}

export interface ObjectStoreOptions {
  client: Client;
  clock: Clock;
  log: Logger;
  random: () => number;
  /** A pod's object appeared, changed or went. */
  onChange: (podUid: string) => void;
}

export function newObjectStore(options: ObjectStoreOptions): ObjectStore {
  const { client, onChange } = options;
  const held = new Map<string, Held>();
  const notify = (kind: 'configMaps' | 'secrets') => (namespace: string, name: string) => {
    for (const [uid, handles] of held) if (handles[kind].has(`${namespace}/${name}`)) onChange(uid);
  };
  const configMaps = new ObjectCache({ ...options, kind: ConfigMap, onChange: notify('configMaps') });
  const secrets = new ObjectCache({ ...options, kind: Secret, onChange: notify('secrets') });

  function hold<T>(
    into: Map<string, ObjectHandle<T>>,
    names: ReadonlySet<string>,
    namespace: string,
    acquire: (name: string) => ObjectHandle<T>,
  ): void {
    const wanted = new Set([...names].map((name) => `${namespace}/${name}`));
    for (const name of names) {
      const key = `${namespace}/${name}`;
      if (!into.has(key)) into.set(key, acquire(name));
    }
    for (const [key, handle] of into) {
      if (wanted.has(key)) continue;
      handle[Symbol.dispose]();
      into.delete(key);
    }
  }

  async function accountSecretsOf(pod: Pod, handles: Held, signal: AbortSignal): Promise<readonly string[]> {
    if (handles.accountSecrets !== undefined) return handles.accountSecrets;
    const { serviceAccountName = '', imagePullSecrets = [] } = pod.spec;
    if (imagePullSecrets.length > 0 || serviceAccountName === '') return (handles.accountSecrets = []);
    try {
      const account = await client.get(
        ServiceAccount,
        { namespace: pod.metadata.namespace, name: serviceAccountName },
        { signal },
      );
      return (handles.accountSecrets = (account.imagePullSecrets ?? []).flatMap(({ name = '' }) =>
        name === '' ? [] : [name],
      ));
    } catch (error) {
      signal.throwIfAborted();
      options.log.debug('service account of a pod could not be read', { pod: pod.metadata.name, error });
      return [];
    }
  }

  function release(podUid: string): void {
    const handles = held.get(podUid);
    if (handles === undefined) return;
    held.delete(podUid);
    for (const handle of [...handles.configMaps.values(), ...handles.secrets.values()]) handle[Symbol.dispose]();
  }

  return {
    async of(pod, { signal }) {
      const { uid, namespace = '' } = pod.metadata;
      const references = podReferences(pod);
      const handles: Held = held.get(uid) ?? { configMaps: new Map(), secrets: new Map() };
      held.set(uid, handles);
      const accountSecrets = await accountSecretsOf(pod, handles, signal);
      for (const name of accountSecrets) references.secrets.add(name);
      hold(handles.configMaps, references.configMaps, namespace, (name) => configMaps.acquire(namespace, name));
      hold(handles.secrets, references.secrets, namespace, (name) => secrets.acquire(namespace, name));
      const read = async <T>(map: Map<string, ObjectHandle<T>>): Promise<Map<string, T>> => {
        const pairs = await Promise.all(
          [...map].map(async ([key, handle]) => [key, await handle.get({ signal })] as const),
        );
        return new Map(pairs.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
      };
      const [configMapsNow, secretsNow] = await Promise.all([read(handles.configMaps), read(handles.secrets)]);
      const find = <T>(map: Map<string, T>, kind: 'configmap' | 'secret', name: string): T => {
        const object = map.get(`${namespace}/${name}`);
        if (object === undefined) throw new ObjectNotFound(kind, name);
        return object;
      };
      const pullNames = [...(pod.spec.imagePullSecrets ?? []).map(({ name = '' }) => name), ...accountSecrets].filter(
        (name) => name !== '',
      );
      const pullSecrets = pullNames.flatMap((name) => secretsNow.get(`${namespace}/${name}`) ?? []);
      return {
        referenced: {
          configMap: (name) => find(configMapsNow, 'configmap', name),
          secret: (name) => find(secretsNow, 'secret', name),
        },
        pullSecrets,
        missingPullSecrets: pullNames.filter((name) => !secretsNow.has(`${namespace}/${name}`)),
      };
    },

    release,
    releaseAll() {
      for (const uid of held.keys()) release(uid);
    },
  };
}
