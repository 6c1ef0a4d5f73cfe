import assert from 'node:assert/strict';
import { type ConfigMap, type Deployment, type Draft, type Pod, ServiceAccount, StatusError } from '#api';
import { startTestApiServer, type TestApiServer, type TestApiServerOptions } from '#testing';

export const podDraft = (name: string, spec: Partial<Pod['spec']> = {}, metadata: object = {}): Draft<Pod> => ({
  metadata: { name, namespace: 'default', ...metadata },
  spec: { containers: [{ name: 'main', image: 'busybox' }], ...spec },
});

export const configMapDraft = (name: string, metadata: object = {}): Draft<ConfigMap> => ({
  metadata: { name, namespace: 'default', ...metadata },
  data: { key: 'value' },
});

export const deploymentDraft = (name: string, replicas = 1): Draft<Deployment> => ({
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'busybox' }] },
    },
  },
});

/** A server whose namespace `default` takes pods. */
export async function startServer(options?: TestApiServerOptions): Promise<TestApiServer> {
  const server = await startTestApiServer(options);
  await server.client.create(ServiceAccount, { metadata: { name: 'default', namespace: 'default' } });
  return server;
}

/** The call must fail, with this reason and, if given, exactly this message. */
export async function refused(
  call: Promise<unknown>,
  reason: StatusError['reason'],
  message?: string,
): Promise<StatusError> {
  let error: unknown;
  try {
    await call;
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof StatusError, `a StatusError was expected, not ${String(error)}`);
  assert.equal(error.reason, reason, error.message);
  if (message !== undefined) assert.equal(error.message, message);
  return error;
}
