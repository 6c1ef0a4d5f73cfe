import { randomUUID } from 'node:crypto';
import { type ApiServer, type Encryption, newApiServer } from '#apiserver';
import { type Client, newClient } from '#client';
import { openEmbeddedStore, type Store } from '#store';
import { type Clock, type Logger, silentLogger, systemClock } from '#util';
import { Namespace, StatusError } from '#api';

export interface TestApiServer extends AsyncDisposable {
  readonly server: ApiServer;
  readonly store: Store;
  /** Speaks as a cluster administrator, by function call. */
  readonly client: Client;
}

export interface TestApiServerOptions {
  /** Default: the system's. */
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Default: nothing is kept. */
  readonly directory?: string;
  /** Instead of one of its own; closed with the server. */
  readonly store?: Store;
  /** Private key of service-account tokens in PEM. Default: one of its own. */
  readonly serviceAccountKey?: string;
  /** Default: objects are stored as they are. */
  readonly encryption?: Encryption;
  /** What cluster IPs are given out from. Default: 10.96.0.0/12. */
  readonly serviceCidr?: string;
  /** In [0,1). Default: a fixed sequence, so that a run can be repeated. */
  readonly random?: () => number;
}

/** A real API server over a store in memory, with the system namespaces; nothing listens until `server.listen`. */
export async function startTestApiServer(options: TestApiServerOptions = {}): Promise<TestApiServer> {
  const { clock = systemClock, log = silentLogger, directory, random = sequence() } = options;
  const openStore = (): Promise<Store> =>
    openEmbeddedStore({
      clock,
      log,
      ...(directory === undefined ? {} : { directory }),
      onFatal(error) {
        throw error;
      },
    });
  const store = options.store ?? (await openStore());
  const server = await newApiServer({
    store,
    clock,
    log,
    random,
    newUid: randomUUID,
    version: {
      major: '1',
      minor: '36',
      gitVersion: 'v1.36.0',
      gitCommit: '',
      gitTreeState: '',
      buildDate: '1970-01-01T00:00:00Z',
      goVersion: '',
      compiler: '',
      platform: '',
    },
    serviceCidr: options.serviceCidr ?? '10.96.0.0/12',
    serviceAccountKey: options.serviceAccountKey,
    encryption: options.encryption,
  });
  const client = newClient(server.transport({ name: 'kubernetes-admin', groups: ['system:masters'] }));
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    await client.create(Namespace, { metadata: { name }, spec: {} }).catch((error: unknown) => {
      // A directory used before has them.
      if (!StatusError.is(error, 'AlreadyExists')) throw error;
    });
  return {
    server,
    store,
    client,
    async [Symbol.asyncDispose]() {
      await server.close();
      await store.close();
    },
  };
}

/** A small linear congruential generator. Source of the constants: Numerical Recipes. */
function sequence(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
