/**
 * What it costs to ask who may do what: a GET of a configmap by an administrator, whom no role is asked for, and by a user whom one of 1,000 bindings lets
 * in, first and again after each change of a role. The whole API server but for the wire, as in `apply`.
 */
import { ClusterRole, ClusterRoleBinding, ConfigMap, Role, RoleBinding } from '#api';
import { startTestApiServer, type TestApiServer } from '#testing';

const ROLES = 1000;
const CALLS = 4000;
const ROUNDS = 7;
const PATH = '/api/v1/namespaces/default/configmaps/c';
const apiGroup = 'rbac.authorization.k8s.io';

export async function run(): Promise<void> {
  await using api = await startTestApiServer();
  await api.client.create(ConfigMap, { metadata: { name: 'c', namespace: 'default' }, data: { a: '1' } });
  await grantMuch(api);
  const admin = getter(api, 'kubernetes-admin', ['system:masters']);
  const user = getter(api, 'jane', ['dev', 'group-500']);
  const plain = await median(admin);
  const asked = await median(user);
  console.log(`GET by an administrator                       ${plain.toFixed(1)} µs`);
  console.log(
    `GET by a user, ${ROLES} roles and bindings         ${asked.toFixed(1)} µs, ${Math.round((asked / plain - 1) * 100)} % more`,
  );
  console.log(`first GET after a change of a role            ${(await afterChange(api, user)).toFixed(0)} µs`);
}

async function grantMuch({ client }: TestApiServer): Promise<void> {
  const rules = [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['configmaps', 'pods'] }];
  for (let i = 0; i < ROLES / 2; i++) {
    const name = `role-${i}`;
    const subjects = [{ kind: 'Group', apiGroup, name: `group-${i + 1}` }];
    await client.create(ClusterRole, { metadata: { name }, rules });
    await client.create(ClusterRoleBinding, {
      metadata: { name },
      roleRef: { apiGroup, kind: 'ClusterRole', name },
      subjects,
    });
    const metadata = { name, namespace: 'default' };
    await client.create(Role, { metadata, rules });
    await client.create(RoleBinding, { metadata, roleRef: { apiGroup, kind: 'Role', name }, subjects });
  }
}

/** Sends requests of one client, as over one connection. */
function getter({ server }: TestApiServer, commonName: string, organizations: readonly string[]): () => Promise<void> {
  const unused = { addresses: [], port: 0, advertiseAddress: '192.0.2.1', certificate: '', key: '', ca: '' };
  const handle = server.handler({ ...unused, kubeletClient: { certificate: '', key: '' } });
  const peer = { remoteAddress: '127.0.0.1', certificate: { commonName, organizations } };
  const query = new URLSearchParams();
  const headers = { accept: 'application/json', 'user-agent': 'bench/1' };
  const request = {
    method: 'GET',
    path: PATH,
    rawQuery: '',
    query,
    headers,
    peer,
    values: () => [],
    body: async () => Buffer.alloc(0),
  };
  return async () => {
    const answer = await handle(request, () => undefined);
    if (!('status' in answer) || answer.status !== 200) throw new Error('a GET was refused');
  };
}

/** Microseconds a call takes, the median of some rounds. */
async function median(call: () => Promise<void>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    for (let i = 0; i < CALLS; i++) await call();
    rounds.push(((performance.now() - began) * 1000) / CALLS);
  }
  return rounds.toSorted((a, b) => a - b)[ROUNDS >> 1]!;
}

async function afterChange({ client }: TestApiServer, call: () => Promise<void>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < 21; round++) {
    const role = await client.get(ClusterRole, { name: 'role-0' });
    const annotations = { turn: String(round) };
    await client.update(ClusterRole, { ...role, metadata: { ...role.metadata, annotations } });
    const began = performance.now();
    await call();
    rounds.push((performance.now() - began) * 1000);
  }
  return rounds.toSorted((a, b) => a - b)[10]!;
}
