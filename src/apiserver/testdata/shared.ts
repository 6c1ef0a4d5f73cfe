import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { newEtcdServer, openEmbeddedStore, openEtcdStore, type Store } from '#store';
import { startTestApiServer, type TestApiServer, type TestApiServerOptions } from '#testing';
import { silentLogger, systemClock } from '#util';

/** API servers that know nothing of each other but the etcd they share; more of them by the function. */
export async function startShared(
  t: TestContext,
): Promise<{ start(options?: TestApiServerOptions): Promise<TestApiServer>; readonly store: Store }> {
  const common = { clock: systemClock, log: silentLogger };
  const store = await openEmbeddedStore({ ...common, onFatal: (error) => assert.fail(error) });
  const etcd = newEtcdServer({ ...common, store, name: 'test', clientURLs: [], identity: 'test' });
  const port = await etcd.listen('127.0.0.1', 0);
  const servers: TestApiServer[] = [];
  t.after(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
    await etcd.close();
    await store.close();
  });
  return {
    store,
    async start(options) {
      const own = await openEtcdStore({ ...common, endpoints: [`http://127.0.0.1:${port}`] });
      const server = await startTestApiServer({ ...options, store: own });
      servers.push(server);
      return server;
    },
  };
}
