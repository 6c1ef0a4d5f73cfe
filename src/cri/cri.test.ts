import { Server, ServerCredentials, status, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { silentLogger, systemClock } from '#util';
import { type ContainerdEvent, CriError, type CriClient, isNotFound, millisFromNanos, newCriClient } from './cri.ts';

const OPTIONS = { keepCase: true, longs: String, enums: String, defaults: true };
const files = ['cri.proto', 'tasks.proto', 'events.proto'].map((file) => fileURLToPath(new URL(file, import.meta.url)));
const definition = loadSync(files, OPTIONS);
const codec = (name: string) =>
  definition[name] as unknown as { serialize: (message: object) => Buffer; deserialize: (bytes: Buffer) => object };

let directory: string;
let socketPath: string;
let server: Server;
let client: CriClient;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cri-'));
  socketPath = join(directory, 'containerd.sock');
  server = new Server();
  client = newCriClient({ socketPath, clock: systemClock, log: silentLogger });
});

afterEach(async () => {
  client[Symbol.dispose]();
  server.forceShutdown();
  await rm(directory, { recursive: true, force: true });
});

type Unary = (request: Record<string, unknown>) => object | Promise<object>;

function serve(service: string, handlers: Record<string, Unary>): void {
  const methods = definition[service] as ServiceDefinition;
  const implementation = Object.entries(handlers).map(([name, handler]) => {
    const handle = async (call: { request: Record<string, unknown> }, reply: sendUnaryData<object>): Promise<void> => {
      try {
        reply(null, await handler(call.request));
      } catch (error) {
        reply(error as Error);
      }
    };
    return [name, handle] as const;
  });
  const used = Object.keys(handlers).map((name) => [name, methods[name]] as const);
  server.addService(Object.fromEntries(used) as ServiceDefinition, Object.fromEntries(implementation));
}

const listen = (on = server): Promise<number> =>
  new Promise((resolve, reject) => {
    on.bindAsync(`unix://${socketPath}`, ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });

test('an absent message is an absent property, and a nanosecond timestamp keeps every digit', async () => {
  serve('runtime.v1.RuntimeService', {
    PodSandboxStatus: () => ({ status: { id: 'a', created_at: '1795852891870795287' } }),
  });
  await listen();
  const { status: sandbox } = await client.runtime.podSandboxStatus({ pod_sandbox_id: 'a' });
  assert.equal(sandbox?.created_at, '1795852891870795287');
  assert.equal(Object.hasOwn(sandbox, 'network'), false);
  assert.deepEqual(sandbox.labels, {});
  assert.equal(sandbox.state, 'SANDBOX_READY');
  assert.equal(millisFromNanos(sandbox.created_at), 1795852891870);
  assert.equal(millisFromNanos('0'), undefined);
});

test('every part of a container config arrives at the runtime as it was given', async () => {
  let seen: Record<string, unknown> = {};
  serve('runtime.v1.RuntimeService', {
    CreateContainer: (request) => {
      seen = request;
      return { container_id: 'c' };
    },
  });
  await listen();
  const { container_id } = await client.runtime.createContainer({
    pod_sandbox_id: 's',
    config: {
      metadata: { name: 'web', attempt: 3 },
      envs: [{ key: 'A', value: 'ä' }],
      mounts: [{ container_path: '/x', host_path: '/y', propagation: 'PROPAGATION_HOST_TO_CONTAINER' }],
      linux: { resources: { memory_limit_in_bytes: '9007199254740993', oom_score_adj: -997 } },
    },
  });
  assert.equal(container_id, 'c');
  assert.partialDeepStrictEqual(seen, {
    pod_sandbox_id: 's',
    config: {
      metadata: { name: 'web', attempt: 3 },
      envs: [{ key: 'A', value: 'ä' }],
      mounts: [{ propagation: 'PROPAGATION_HOST_TO_CONTAINER' }],
      linux: { resources: { memory_limit_in_bytes: '9007199254740993', oom_score_adj: '-997' } },
    },
  });
});

test('a failed call tells code, details and method, and reads as upstream prints it', async () => {
  serve('runtime.v1.ImageService', {
    PullImage: () =>
      Promise.reject(Object.assign(new Error('x'), { code: status.NOT_FOUND, details: 'no such image' })),
  });
  await listen();
  await assert.rejects(client.image.pullImage({ image: { image: 'absent:1' } }), (error) => {
    assert.ok(error instanceof CriError);
    assert.deepEqual([error.code, error.details, error.method], ['NotFound', 'no such image', 'PullImage']);
    assert.equal(error.message, 'rpc error: code = NotFound desc = no such image');
    return isNotFound(error);
  });
});

test('a call to a runtime that is not there fails at once, and works when it has come', async () => {
  await assert.rejects(client.runtime.version({}), { name: 'CriError', code: 'Unavailable' });
  serve('runtime.v1.RuntimeService', { Version: () => ({ runtime_name: 'containerd' }) });
  await listen();
  const answer = await client.runtime.version({}).catch(async () => {
    // The first attempts may still fall into the reconnect back-off, which is a second at most.
    for (let attempt = 0; attempt < 100; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const again = await client.runtime.version({}).catch(() => undefined);
      if (again !== undefined) return again;
    }
    throw new Error('never reconnected');
  });
  assert.equal(answer.runtime_name, 'containerd');
});

test('an aborted call rejects with the reason of its signal, a late one with DeadlineExceeded', async () => {
  serve('runtime.v1.RuntimeService', { Status: () => new Promise(() => {}) });
  await listen();
  const abort = new AbortController();
  const reason = new Error('the pod is gone');
  const waiting = client.runtime.status({}, { signal: abort.signal });
  abort.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(client.runtime.status({}, { signal: abort.signal }), reason);
  await assert.rejects(client.runtime.status({}, { deadlineMs: 20 }), { code: 'DeadlineExceeded' });
});

/** The event half of a containerd: what is published comes out of every subscription that asked for its topic. */
function eventServer(on: Server): { streams: Set<ServerWritableStream<object, object>>; filters: string[][] } {
  const streams = new Set<ServerWritableStream<object, object>>();
  const filters: string[][] = [];
  on.addService(definition['containerd.services.events.v1.Events'] as ServiceDefinition, {
    Publish: (call: { request: { topic: string; event: object } }, callback: sendUnaryData<object>) => {
      for (const stream of streams) stream.write({ namespace: 'k8s.io', ...call.request });
      callback(null, {});
    },
    Subscribe: (stream: ServerWritableStream<{ filters: string[] }, object>) => {
      streams.add(stream);
      filters.push(stream.request.filters);
      stream.on('cancelled', () => streams.delete(stream));
    },
  });
  return { streams, filters };
}

function envelope(topic: string, message: string, value: object): object {
  const type = `containerd.services.events.v1.${message}`;
  return { namespace: 'k8s.io', topic, event: { type_url: type, value: codec(type).serialize(value) } };
}

test('events come decoded, and exits of exec processes can be told from those of containers', async () => {
  const { streams, filters } = eventServer(server);
  await listen();
  const abort = new AbortController();
  const events: ContainerdEvent[] = [];
  let synchronised = 0;
  const done = client.events.subscribe(
    (event) => {
      events.push(event);
      if (events.length === 4) abort.abort();
    },
    {
      signal: abort.signal,
      onResynchronise: () => {
        synchronised++;
        const [stream] = streams;
        const exited_at = { seconds: 1795852891, nanos: 870795287 };
        stream?.write(envelope('/tasks/start', 'TaskStart', { container_id: 'c', pid: 7 }));
        stream?.write(envelope('/tasks/exit', 'TaskExit', { container_id: 'c', id: 'probe-1', pid: 8 }));
        stream?.write(envelope('/tasks/oom', 'TaskOOM', { container_id: 'c' }));
        stream?.write(
          envelope('/tasks/exit', 'TaskExit', { container_id: 'c', id: 'c', pid: 7, exit_status: 137, exited_at }),
        );
      },
    },
  );
  await done;
  assert.equal(synchronised, 1);
  assert.ok(filters[0]?.includes('namespace==k8s.io,topic=="/tasks/exit"'));
  assert.deepEqual(events, [
    { topic: '/tasks/start', containerId: 'c', pid: 7 },
    { topic: '/tasks/exit', containerId: 'c', execId: 'probe-1', pid: 8, exitStatus: 0, exitedAtNanos: 0n },
    { topic: '/tasks/oom', containerId: 'c' },
    {
      topic: '/tasks/exit',
      containerId: 'c',
      execId: undefined,
      pid: 7,
      exitStatus: 137,
      exitedAtNanos: 1795852891870795287n,
    },
  ]);
});

test('a subscription to some topics asks containerd for no others', async () => {
  const { filters } = eventServer(server);
  await listen();
  const abort = new AbortController();
  const options = { signal: abort.signal, onResynchronise: () => abort.abort() };
  await client.events.subscribe(() => {}, { ...options, topics: ['/tasks/exit'] });
  assert.equal(filters[0]?.length, 2); // and the probe's
  assert.equal(filters[0]?.[0], 'namespace==k8s.io,topic=="/tasks/exit"');
});

test('after containerd was restarted the subscription comes back and asks to resynchronise', async () => {
  eventServer(server);
  await listen();
  const abort = new AbortController();
  let synchronised = 0;
  await client.events.subscribe(() => {}, {
    signal: abort.signal,
    onResynchronise: () => {
      synchronised++;
      if (synchronised === 2) return abort.abort();
      server.forceShutdown();
      server = new Server();
      eventServer(server);
      void listen();
    },
  });
  assert.equal(synchronised, 2);
});

test('what the handler of events throws ends the subscription and reaches the caller', async () => {
  const { streams } = eventServer(server);
  await listen();
  const thrown = new Error('bug');
  const subscribed = client.events.subscribe(
    () => {
      throw thrown;
    },
    {
      signal: new AbortController().signal,
      onResynchronise: () => {
        for (const stream of streams) stream.write(envelope('/tasks/oom', 'TaskOOM', { container_id: 'c' }));
      },
    },
  );
  await assert.rejects(subscribed, thrown);
});
