/** What holds of any applies and updates, on the real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ConfigMap,
  Lease,
  type ManagedFieldsEntry,
  type ObjectRequest,
  Role,
  RoleBinding,
  StatusError,
  type Transport,
} from '#api';
import { refused, startServer } from '../testdata/objects.ts';
import { ownersOf } from '../testdata/writer.ts';

type Data = Readonly<Record<string, string>>;
type Change = Readonly<Record<string, string | null>>;

const AT = { kind: ConfigMap, namespace: 'default' } as const;
const KEYS = ['a', 'b', 'c', 'd'];

/** One object, written to through one transport under several names. */
class Subject {
  readonly #transport: Transport;
  readonly name: string;

  constructor(transport: Transport, name: string) {
    this.#transport = transport;
    this.name = name;
  }

  async #request(request: Omit<ObjectRequest, 'kind' | 'namespace'>): Promise<ConfigMap> {
    return (await this.#transport.request({ ...AT, ...request })) as ConfigMap;
  }

  create(data: Data): Promise<ConfigMap> {
    return this.#request({
      verb: 'create',
      query: { fieldManager: 'creator' },
      body: { metadata: { name: this.name, namespace: 'default' }, data },
    });
  }

  get(): Promise<ConfigMap> {
    return this.#request({ verb: 'get', name: this.name });
  }

  async put(manager: string, data: Data): Promise<ConfigMap> {
    const { metadata } = await this.get();
    return await this.#request({
      verb: 'update',
      name: this.name,
      query: { fieldManager: manager },
      body: { metadata, data },
    });
  }

  patch(manager: string, data: Change): Promise<ConfigMap> {
    const patchType = 'application/merge-patch+json';
    return this.#request({
      verb: 'patch',
      name: this.name,
      patchType,
      query: { fieldManager: manager },
      body: { data },
    });
  }

  apply(manager: string, data: Data, force: boolean): Promise<ConfigMap> {
    return this.#request({
      verb: 'patch',
      name: this.name,
      patchType: 'application/apply-patch+yaml',
      query: { fieldManager: manager, force: String(force) },
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: this.name }, data },
    });
  }
}

/** Keys of data by owner: `manager Operation` → keys. */
function dataOwners(entries: readonly ManagedFieldsEntry[] | undefined): Record<string, string[]> {
  const owners: Record<string, string[]> = {};
  for (const [id, paths] of Object.entries(ownersOf(entries))) {
    const keys = paths.split('\n').flatMap((path) => (path.startsWith('data/') ? [path.slice(5)] : []));
    if (keys.length > 0) owners[id.replace(/ v1$/, '')] = keys.toSorted();
  }
  return owners;
}

type Step =
  | { readonly type: 'put'; readonly manager: string; readonly data: Data }
  | { readonly type: 'patch'; readonly manager: string; readonly data: Change }
  | { readonly type: 'apply'; readonly manager: string; readonly data: Data; readonly force: boolean };

/** Ownership by the book and slowly: who owns which key, one key after the other. `base` is the creator's for ever. */
class Reference {
  data: Record<string, string> = { base: '0' };
  readonly owners = new Map<string, Set<string>>([['creator Update', new Set(['base'])]]);

  #keys(id: string): Set<string> {
    const known = this.owners.get(id) ?? new Set<string>();
    this.owners.set(id, known);
    return known;
  }

  #change(key: string, value: string | undefined, self: string): boolean {
    if (this.data[key] === value) return false;
    for (const [id, keys] of this.owners) if (id !== self) keys.delete(key);
    if (value === undefined) delete this.data[key];
    else this.data[key] = value;
    return true;
  }

  update(manager: string, data: Change): void {
    const id = `${manager} Update`;
    for (const [key, value] of Object.entries(data)) {
      if (!this.#change(key, value ?? undefined, '')) continue;
      if (value === null) this.#keys(id).delete(key);
      else this.#keys(id).add(key);
    }
  }

  /** Keys in conflict; none, and it is applied. */
  apply(manager: string, data: Data, force: boolean): string[] {
    const id = `${manager} Apply`;
    const conflicts = Object.entries(data).filter(
      ([key, value]) =>
        this.data[key] !== value && [...this.owners].some(([other, keys]) => other !== id && keys.has(key)),
    );
    if (conflicts.length > 0 && !force) return conflicts.map(([key]) => key);
    const before = this.#keys(id);
    for (const [key, value] of Object.entries(data)) this.#change(key, value, id);
    for (const key of before) {
      if (Object.hasOwn(data, key)) continue;
      if (![...this.owners].some(([other, keys]) => other !== id && keys.has(key))) delete this.data[key];
    }
    this.owners.set(id, new Set(Object.keys(data)));
    return [];
  }

  get result(): Record<string, string[]> {
    return Object.fromEntries(
      [...this.owners].filter(([, keys]) => keys.size > 0).map(([id, keys]) => [id, [...keys].toSorted()]),
    );
  }
}

const manager = fc.constantFrom('m', 'n', 'o');
const value = fc.constantFrom('1', '2');
const data = fc.dictionary(fc.constantFrom(...KEYS), value, { maxKeys: 3 });
const change = fc.dictionary(fc.constantFrom(...KEYS), fc.option(value), { maxKeys: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('put' as const), manager, data }),
  fc.record({ type: fc.constant('patch' as const), manager, data: change }),
  fc.record({ type: fc.constant('apply' as const), manager, data, force: fc.boolean() }),
);

async function take(subject: Subject, reference: Reference, own: Step): Promise<void> {
  switch (own.type) {
    case 'put': {
      const gone = Object.keys(reference.data).filter((key) => key !== 'base' && !Object.hasOwn(own.data, key));
      await subject.put(own.manager, { base: '0', ...own.data });
      reference.update(own.manager, { ...Object.fromEntries(gone.map((key) => [key, null])), ...own.data });
      return;
    }
    case 'patch':
      await subject.patch(own.manager, own.data);
      reference.update(own.manager, own.data);
      return;
    case 'apply': {
      const { manager: name, data: config, force } = own;
      const conflicts = reference.apply(name, config, force);
      const failure = await subject.apply(name, config, force).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (conflicts.length === 0) assert.equal(failure, undefined);
      else {
        assert.ok(StatusError.is(failure, 'Conflict'), String(failure));
        for (const key of conflicts) assert.ok(failure.message.includes(`.data.${key}`), failure.message);
      }
    }
  }
}

test('after any updates, patches and applies, every key belongs to whom it should', async () => {
  await using api = await startServer();
  const transport = api.server.transport({ name: 'admin', groups: ['system:masters'] });
  let turn = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const subject = new Subject(transport, `c${turn++}`);
      await subject.create({ base: '0' });
      const reference = new Reference();
      for (const next of steps) {
        await take(subject, reference, next);
        const object = await subject.get();
        assert.deepEqual(object.data, reference.data);
        assert.deepEqual(dataOwners(object.metadata.managedFields), reference.result);
      }
    }),
    { numRuns: 150 },
  );
});

test('an apply done again is no write, and what is taken by force is there', async () => {
  await using api = await startServer();
  const transport = api.server.transport({ name: 'admin', groups: ['system:masters'] });
  let turn = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 6 }), manager, data, async (steps, name, config) => {
      const subject = new Subject(transport, `i${turn++}`);
      await subject.create({ base: '0' });
      const reference = new Reference();
      for (const next of steps) await take(subject, reference, next);
      const once = await subject.apply(name, config, true);
      for (const [key, wanted] of Object.entries(config)) assert.equal(once.data?.[key], wanted);
      const again = await subject.apply(name, config, false);
      assert.deepEqual(again, once);
    }),
    { numRuns: 80 },
  );
});

test('applies of different fields come to the same in either order', async () => {
  await using api = await startServer();
  const transport = api.server.transport({ name: 'admin', groups: ['system:masters'] });
  const some = (keys: readonly string[]): fc.Arbitrary<Data> => fc.dictionary(fc.constantFrom(...keys), value);
  let turn = 0;
  await fc.assert(
    fc.asyncProperty(some(['a', 'b']), some(['c', 'd']), some(['a', 'b']), async (one, two, after) => {
      const results: unknown[] = [];
      for (const order of [
        [0, 1],
        [1, 0],
      ]) {
        const subject = new Subject(transport, `o${turn++}`);
        await subject.create({ base: '0' });
        for (const which of order) await subject.apply(which === 0 ? 'm' : 'n', which === 0 ? one : two, false);
        await subject.apply('m', after, false);
        const { data: left, metadata } = await subject.get();
        results.push([left, dataOwners(metadata.managedFields)]);
      }
      assert.deepEqual(results[0], results[1]);
    }),
    { numRuns: 60 },
  );
});

test('who may patch but not create creates nothing by an apply or an update', async () => {
  await using api = await startServer();
  const subjects = [{ kind: 'User', name: 'ada', apiGroup: 'rbac.authorization.k8s.io' }];
  const metadata = { name: 'patchers', namespace: 'default' };
  const verbs = ['get', 'patch', 'update'];
  await api.client.create(Role, {
    metadata,
    rules: [
      { apiGroups: [''], resources: ['configmaps'], verbs },
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs },
    ],
  });
  await api.client.create(RoleBinding, {
    metadata,
    subjects,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'patchers' },
  });
  const ada = api.server.transport({ name: 'ada', groups: ['system:authenticated'] });
  const subject = new Subject(ada, 'new');
  await refused(
    subject.apply('m', {}, false),
    'Forbidden',
    'configmaps "new" is forbidden: User "ada" cannot create resource "configmaps" in API group "" in the namespace "default"',
  );
  const lease = { metadata: { name: 'l', namespace: 'default' }, spec: {} };
  await refused(
    ada.request({ verb: 'update', kind: Lease, namespace: 'default', name: 'l', body: lease }),
    'Forbidden',
    'leases.coordination.k8s.io "l" is forbidden: User "ada" cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "default"',
  );
  const admin = new Subject(api.server.transport({ name: 'admin', groups: ['system:masters'] }), 'new');
  await admin.create({ base: '0' });
  await subject.apply('m', { a: '1' }, false);
});
