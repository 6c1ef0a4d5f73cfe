/**
 * Fills a store with pods as the API server itself writes them, much faster than it would: it writes one, and the others are copies under other names.
 * Arguments: the store's directory, how many pods.
 */
import { Namespace, type Pod, Pod as PodKind, ServiceAccount } from '#api';
import { openEmbeddedStore } from '#store';
import { startTestApiServer } from '#testing';
import { silentLogger, systemClock } from '#util';
import { appOf, nodeOf, podName, podOf, statusOf } from './objects.ts';

const AT_ONCE = 512;
const PREFIX = '/registry/pods/default/';

/** A pod that runs, as bytes. */
async function modelPod(): Promise<string> {
  await using server = await startTestApiServer();
  const { client, store } = server;
  await client.create(ServiceAccount, { metadata: { name: 'default', namespace: 'default' } });
  const { metadata, ...rest } = podOf(0) as Pick<Pod, 'metadata' | 'spec'>;
  const pod = await client.create(PodKind, { metadata: { ...metadata, namespace: 'default' }, ...rest });
  await client.updateStatus(PodKind, { ...pod, status: statusOf(0) });
  const { kvs } = await store.range({ key: PREFIX + podName(0) });
  return kvs[0]!.value.toString();
}

export async function seedStore(directory: string, pods: number): Promise<{ bytesEach: number }> {
  const model = await modelPod();
  const { uid } = (JSON.parse(model) as Pod).metadata;
  const store = await openEmbeddedStore({
    directory,
    clock: systemClock,
    log: silentLogger,
    onFatal(error) {
      throw error;
    },
  });
  const valueOf = (i: number): Buffer =>
    Buffer.from(
      model
        .replaceAll(podName(0), podName(i))
        .replaceAll(`"app":"${appOf(0)}"`, `"app":"${appOf(i)}"`)
        .replaceAll(`"${nodeOf(0)}"`, `"${nodeOf(i)}"`)
        .replace(uid, `${uid.slice(0, -6)}${String(i).padStart(6, '0')}`)
        .replace('"10.0.0.0"', `"10.${i >> 16}.${(i >> 8) & 255}.${i & 255}"`),
    );
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < pods) {
      const i = next++;
      await store.txn({ compare: [], success: [{ type: 'put', key: PREFIX + podName(i), value: valueOf(i) }] });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, writer));
  await store.close();
  await using server = await startTestApiServer({ directory });
  await server.client.create(ServiceAccount, { metadata: { name: 'default', namespace: 'default' } });
  await server.client.get(Namespace, { name: 'default' });
  return { bytesEach: Buffer.byteLength(model) };
}
