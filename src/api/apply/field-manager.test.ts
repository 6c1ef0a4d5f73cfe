import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deepFreeze } from '../equality.ts';
import type { ManagedFieldsEntry } from '../generated/meta.v1.ts';
import type { Kind, KubeObject } from '../kind.ts';
import { ConfigMap, Deployment, Pod } from '../kinds.ts';
import { StatusError } from '../status.ts';
import { type FieldManager, kindFieldManager, type KindFieldManagerOptions } from './apply.ts';
import { LAST_APPLIED_ANNOTATION } from './last-applied.ts';

type Value = Record<string, unknown>;

/** One object and its paths, written to as the registry would; every write is a second later. */
class Server {
  live: KubeObject | undefined;
  readonly reported: Error[] = [];
  readonly #kind: Kind;
  readonly #options: Omit<KindFieldManagerOptions, 'now' | 'report'>;
  #seconds = 0;

  constructor(kind: Kind, options: Omit<KindFieldManagerOptions, 'now' | 'report'> = {}) {
    this.#kind = kind;
    this.#options = options;
  }

  #manager(subresource: string): FieldManager {
    return kindFieldManager(this.#kind, {
      subresource,
      now: () => Date.parse('2026-01-01T00:00:00Z') + this.#seconds * 1000,
      report: (error) => this.reported.push(error),
      ...this.#options,
    });
  }

  #store(object: KubeObject): KubeObject {
    object.metadata.uid = 'u';
    this.#seconds++;
    this.live = deepFreeze(object);
    return this.live;
  }

  async update(value: Value, manager: string, subresource = ''): Promise<KubeObject> {
    const next = structuredClone({
      apiVersion: this.apiVersion,
      kind: this.#kind.kind,
      ...value,
    }) as unknown as KubeObject;
    next.metadata ??= { name: 'web' } as KubeObject['metadata'];
    this.#kind.defaults?.(next);
    await this.#manager(subresource).update(this.live, next, manager);
    return this.#store(next);
  }

  /** What one does with an object one has read. */
  async change(change: (object: Value) => void, manager: string, subresource = ''): Promise<KubeObject> {
    const next = structuredClone(this.live) as unknown as Value;
    change(next);
    return await this.update(next, manager, subresource);
  }

  async apply(value: Value, manager: string, { force = false, subresource = '' } = {}): Promise<KubeObject> {
    const config = deepFreeze({
      apiVersion: this.apiVersion,
      kind: this.#kind.kind,
      metadata: { name: 'web' },
      ...value,
    });
    return this.#store(await this.#manager(subresource).apply(this.live, config, { manager, force }));
  }

  async refused(value: Value, manager: string): Promise<StatusError> {
    try {
      await this.apply(value, manager);
    } catch (error) {
      assert.ok(error instanceof StatusError, String(error));
      return error;
    }
    throw new Error('it was not refused');
  }

  get apiVersion(): string {
    return this.#kind.group === '' ? this.#kind.version : `${this.#kind.group}/${this.#kind.version}`;
  }

  get data(): unknown {
    return (this.live as unknown as Value)['data'];
  }

  /** `manager/Operation[/subresource]@second: fields`. */
  get owners(): string[] {
    return (this.live?.metadata.managedFields ?? []).map(ownerText);
  }
}

function ownerText({ manager, operation, subresource, time, fieldsV1 }: ManagedFieldsEntry): string {
  const at = time === undefined ? '' : `@${Date.parse(time) / 1000 - Date.parse('2026-01-01T00:00:00Z') / 1000}`;
  return `${manager}/${operation}${subresource === undefined ? '' : `/${subresource}`}${at}: ${JSON.stringify(fieldsV1)}`;
}

const deployment = (spec: Value = {}): Value => ({
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'a', ports: [{ containerPort: 80 }] }] },
    },
    ...spec,
  },
});

test('who creates an object owns what it says and its defaults, as upstream counts them', async () => {
  const server = new Server(Deployment);
  await server.update(deployment(), 'kubectl-create');
  assert.deepEqual(server.owners, [
    'kubectl-create/Update@0: {"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:progressDeadlineSeconds":{},"f:replicas":{},' +
      '"f:revisionHistoryLimit":{},"f:selector":{},"f:strategy":{"f:rollingUpdate":{".":{},"f:maxSurge":{},"f:maxUnavailable":{}},"f:type":{}},' +
      '"f:template":{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:containers":{"k:{\\"name\\":\\"c\\"}":{".":{},"f:image":{},' +
      '"f:imagePullPolicy":{},"f:name":{},"f:ports":{".":{},"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:containerPort":{},"f:protocol":{}}},' +
      '"f:resources":{},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},"f:dnsPolicy":{},"f:restartPolicy":{},"f:schedulerName":{},' +
      '"f:securityContext":{},"f:terminationGracePeriodSeconds":{}}}}}',
  ]);
});

test('the status is owned apart, by the path it is written through', async () => {
  const server = new Server(Pod);
  await server.update({ metadata: { name: 'web' }, spec: { containers: [{ name: 'c', image: 'a' }] } }, 'kubectl-run');
  const [created] = server.owners;
  const condition = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' };
  await server.change(
    (pod) => {
      pod['status'] = { phase: 'Running', conditions: [condition], podIPs: [{ ip: '10.0.0.1' }] };
      (pod['spec'] as Value)['nodeName'] = 'written back by the strategy';
    },
    'kubelet',
    'status',
  );
  assert.deepEqual(server.owners, [
    created,
    'kubelet/Update/status@1: {"f:status":{"f:conditions":{".":{},"k:{\\"type\\":\\"Ready\\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},' +
      '"f:status":{},"f:type":{}}},"f:phase":{},"f:podIPs":{".":{},"k:{\\"ip\\":\\"10.0.0.1\\"}":{".":{},"f:ip":{}}}}}',
  ]);
});

test('an update takes what it changes, and its time moves only then', async () => {
  const server = new Server(ConfigMap);
  await server.update({ data: { a: '1', b: '1' } }, 'one');
  await server.change((map) => (map['data'] = { a: '2', c: '1' }), 'two');
  assert.deepEqual(server.owners, ['one/Update@0: {"f:data":{}}', 'two/Update@1: {"f:data":{"f:a":{},"f:c":{}}}']);
  await server.change((map) => (map['data'] = { a: '2', c: '2' }), 'one');
  await server.change(() => {}, 'two');
  assert.deepEqual(server.owners, [
    'two/Update@1: {"f:data":{"f:a":{}}}',
    'one/Update@2: {"f:data":{".":{},"f:c":{}}}',
  ]);
  await server.change((map) => (map['data'] = { a: '2' }), 'two');
  assert.deepEqual(server.owners, ['two/Update@1: {"f:data":{"f:a":{}}}', 'one/Update@2: {"f:data":{}}']);
});

test('what is applied is owned by its applier, and again it changes nothing', async () => {
  const server = new Server(ConfigMap);
  const config = { metadata: { name: 'web', labels: { x: '1' } }, data: { a: '1' } };
  await server.apply(config, 'me');
  const first = ['me/Apply@0: {"f:data":{"f:a":{}},"f:metadata":{"f:labels":{"f:x":{}}}}'];
  assert.deepEqual(server.owners, first);
  await server.apply(config, 'me');
  assert.deepEqual(server.owners, first);
});

test('what is applied no more goes, unless another owns it', async () => {
  const server = new Server(ConfigMap);
  await server.apply({ data: { a: '1', b: '1', c: '1' } }, 'me');
  await server.apply({ data: { b: '1' } }, 'other');
  assert.deepEqual(server.owners, [
    'other/Apply: {"f:data":{"f:b":{}}}',
    'me/Apply@0: {"f:data":{"f:a":{},"f:b":{},"f:c":{}}}',
  ]);
  await server.change((map) => ((map['data'] as Value)['c'] = '2'), 'editor');
  await server.apply({}, 'me');
  assert.deepEqual(server.data, { b: '1', c: '2' });
  assert.deepEqual(server.owners, ['other/Apply: {"f:data":{"f:b":{}}}', 'editor/Update@2: {"f:data":{"f:c":{}}}']);
});

test('a field others own is a conflict, named with its owner', async () => {
  const server = new Server(Deployment);
  await server.update(deployment(), 'kubectl-client-side-apply');
  const one = await server.refused({ spec: { replicas: 2 } }, 'me');
  assert.equal(
    one.message,
    'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
  );
  assert.equal(one.reason, 'Conflict');
  assert.equal(one.code, 409);
  assert.deepEqual(one.details, {
    causes: [
      {
        reason: 'FieldManagerConflict',
        message: 'conflict with "kubectl-client-side-apply" using apps/v1',
        field: '.spec.replicas',
      },
    ],
  });
  await server.apply({ spec: { paused: true } }, 'ci');
  await server.change((object) => ((object['status'] as Value)['replicas'] = 1), 'kcm', 'status');
  const containers = [{ name: 'c', image: 'b', ports: [{ containerPort: 80, name: 'x' }] }];
  const several = await server.refused(
    { spec: { paused: false, replicas: 3, template: { spec: { containers } } }, status: { replicas: 2 } },
    'me',
  );
  assert.equal(
    several.message,
    'Apply failed with 3 conflicts: conflicts with "ci":\n- .spec.paused\n' +
      'conflicts with "kubectl-client-side-apply" using apps/v1:\n- .spec.replicas\n- .spec.template.spec.containers[name="c"].image',
  );
});

test('an owner by a subresource is named with it', async () => {
  const server = new Server(Deployment, { filter: () => undefined });
  await server.update(deployment(), 'one');
  await server.change((object) => ((object['spec'] as Value)['replicas'] = 2), 'hpa', 'scale');
  const error = await server.refused({ spec: { replicas: 3 } }, 'me');
  assert.equal(
    error.message,
    'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using apps/v1: .spec.replicas',
  );
});

test('force takes the field, and the same value is shared without it', async () => {
  const server = new Server(ConfigMap);
  await server.apply({ data: { a: '1', b: '1' } }, 'one');
  await server.apply({ data: { a: '1' } }, 'two');
  assert.deepEqual(server.owners, ['two/Apply: {"f:data":{"f:a":{}}}', 'one/Apply@0: {"f:data":{"f:a":{},"f:b":{}}}']);
  await server.apply({ data: { a: '2' } }, 'two', { force: true });
  assert.deepEqual(server.data, { a: '2', b: '1' });
  assert.deepEqual(server.owners, ['one/Apply@0: {"f:data":{"f:b":{}}}', 'two/Apply@2: {"f:data":{"f:a":{}}}']);
});

test('items of lists are owned one by one', async () => {
  const server = new Server(Deployment);
  await server.apply(deployment(), 'me');
  const sidecar = { spec: { template: { spec: { containers: [{ name: 'side', image: 's' }] } } } };
  await server.apply(sidecar, 'mesh');
  const names = (): string[] =>
    (
      server.live as unknown as { spec: { template: { spec: { containers: { name: string }[] } } } }
    ).spec.template.spec.containers.map((c) => c.name);
  assert.deepEqual(names(), ['c', 'side']);
  await server.apply(deployment(), 'me');
  assert.deepEqual(names(), ['c', 'side']);
  await server.apply({}, 'mesh');
  assert.deepEqual(names(), ['c']);
  assert.deepEqual(
    server.owners.map((owner) => owner.split(':')[0]),
    ['me/Apply@0'],
  );
});

test('an object nobody owns belongs to before-first-apply when it is first applied to', async () => {
  const server = new Server(ConfigMap);
  server.live = deepFreeze({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'web', uid: 'u' },
    data: { a: '1' },
  } as unknown as KubeObject);
  await server.change((map) => (map['data'] = { a: '2' }), 'editor');
  assert.deepEqual(server.owners, [], 'it is not tracked before');
  const error = await server.refused({ data: { a: '3' } }, 'me');
  assert.equal(error.message, 'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a');
  await server.apply({ data: { b: '1' } }, 'me');
  assert.deepEqual(server.owners, [
    'me/Apply@1: {"f:data":{"f:b":{}}}',
    'before-first-apply/Update@1: {"f:data":{".":{},"f:a":{}}}',
  ]);
});

test('owners are forgotten when they are set to nothing, and taken over when they are named', async () => {
  for (const nothing of [[], [{}]]) {
    const server = new Server(ConfigMap);
    await server.apply({ data: { a: '1' } }, 'me');
    await server.change((map) => ((map['metadata'] as Value)['managedFields'] = nothing), 'admin');
    assert.equal(server.live?.metadata.managedFields, undefined);
  }
  const server = new Server(ConfigMap);
  await server.apply({ data: { a: '1' } }, 'me');
  const before = server.owners;
  await server.change((map) => delete (map['metadata'] as Value)['managedFields'], 'ignorant');
  assert.deepEqual(server.owners, before, 'a client that does not know them does not lose them');
  await server.change((map) => ((map['metadata'] as Value)['managedFields'] = [{ operation: 'Steal' }]), 'broken');
  assert.deepEqual(server.owners, before, 'what cannot be read does not count');
  const entry = {
    manager: 'new',
    operation: 'Apply',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:data': { 'f:a': {} } },
  };
  await server.change((map) => ((map['metadata'] as Value)['managedFields'] = [entry]), 'admin');
  assert.deepEqual(server.owners, ['new/Apply: {"f:data":{"f:a":{}}}']);
  await server.change((map) => ((map['metadata'] as Value)['managedFields'] = []), 'sly', 'status');
  assert.deepEqual(server.owners, ['new/Apply: {"f:data":{"f:a":{}}}'], 'a subresource cannot name owners');
});

test('no more than ten updaters are kept apart, the oldest of a version are put together', async () => {
  const server = new Server(ConfigMap);
  await server.update({ data: {} }, 'm00');
  for (let i = 1; i <= 12; i++)
    await server.change(
      (map) => (map['data'] = { ...(map['data'] as Value), [`k${i}`]: '' }),
      `m${String(i).padStart(2, '0')}`,
    );
  assert.equal(server.owners.length, 10);
  assert.equal(server.owners[0], 'ancient-changes/Update@3: {"f:data":{".":{},"f:k1":{},"f:k2":{},"f:k3":{}}}');
  assert.equal(server.owners[9], 'm12/Update@12: {"f:data":{"f:k12":{}}}');
});

test('what client-side apply has set, kubectl takes over without force, and the annotation stays up to date', async () => {
  const server = new Server(Deployment);
  const applied = deployment();
  const annotation = JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', ...applied });
  const object = structuredClone(applied) as { metadata: Value };
  object.metadata['annotations'] = { [LAST_APPLIED_ANNOTATION]: annotation };
  await server.update(object, 'kubectl-client-side-apply');
  await server.change((live) => ((live['spec'] as Value)['paused'] = true), 'editor');
  const others = await server.refused(deployment({ replicas: 5 }), 'helm');
  assert.match(others.message, /conflict with "kubectl-client-side-apply" using apps\/v1: \.spec\.replicas$/);
  const theirs = await server.refused(deployment({ replicas: 5, paused: false }), 'kubectl');
  assert.equal(theirs.message, 'Apply failed with 1 conflict: conflict with "editor" using apps/v1: .spec.paused');
  const live = await server.apply(deployment({ replicas: 5 }), 'kubectl');
  assert.equal((live as unknown as { spec: { replicas: number } }).spec.replicas, 5);
  const noted = live.metadata.annotations![LAST_APPLIED_ANNOTATION]!;
  assert.ok(
    noted.startsWith(
      '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"web"},"name":"web"},"spec":{"replicas":5,',
    ),
  );
  assert.ok(noted.endsWith('}\n'));
});

test("a configuration that is of no use is refused in upstream's words", async () => {
  const server = new Server(Deployment);
  const refusal = async (value: Value): Promise<[number, string]> => {
    const { code, message } = await server.refused(value, 'me');
    return [code, message];
  };
  assert.deepEqual(await refusal({ kind: 'Pod', apiVersion: 'v1' }), [400, 'invalid object type: /v1, Kind=Pod']);
  assert.deepEqual(await refusal({ apiVersion: 'apps/v1beta1' }), [
    400,
    'invalid object type: apps/v1beta1, Kind=Deployment',
  ]);
  assert.deepEqual(await refusal({ metadata: { managedFields: [] } }), [400, 'metadata.managedFields must be nil']);
  assert.deepEqual(await refusal({ metadata: { name: 'web', namespace: 'n' }, spec: { foo: 1 } }), [
    500,
    'failed to create typed patch object (n/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema',
  ]);
});

test('a live object whose lists cannot be told apart keeps its owners when it is updated', async () => {
  const server = new Server(Pod);
  await server.update({ spec: { containers: [{ name: 'c', image: 'a' }] } }, 'one');
  const before = server.owners;
  await server.change((pod) => ((pod['metadata'] as Value)['finalizers'] = [null]), 'two');
  assert.deepEqual(server.owners, before);
  assert.equal(server.reported.length, 1);
});

/** A kind with fields renamed between its versions: data in v1, values in v2. */
const CONVERTED = new Map([
  ['v1', 'data'],
  ['v2', 'values'],
]);

test('fields are owned in the version they were written in', async () => {
  const { newFieldManager } = await import('./field-manager.ts');
  const { mapOf } = await import('./typed/type.ts');
  const type = mapOf({ scalar: 'string' });
  const whole = (field: string): typeof type => ({
    map: {
      atomic: false,
      fields: new Map(
        [field, 'metadata', 'apiVersion', 'kind'].map((name) => [
          name,
          {
            name,
            element: `f:${name}`,
            type: name === field || name === 'metadata' ? type : { scalar: 'string' as const },
          },
        ]),
      ),
      values: undefined,
      always: [],
    },
  });
  const manager = (version: string, gone: readonly string[] = []): FieldManager =>
    newFieldManager({
      kind: { group: '', version, kind: 'Thing' },
      subresource: '',
      type: whole(CONVERTED.get(version)!),
      complete: (value) => value as unknown as KubeObject,
      now: () => 0,
      report: (error) => assert.fail(error),
      async convert({ value, apiVersion }, to) {
        if (gone.includes(to)) return undefined;
        const { [CONVERTED.get(apiVersion)!]: own, ...rest } = value;
        return Promise.resolve({
          value: { ...rest, apiVersion: to, [CONVERTED.get(to)!]: own },
          type: whole(CONVERTED.get(to)!),
          apiVersion: to,
        });
      },
    });
  const v1 = { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'x' }, data: { a: '1', b: '1' } };
  const live = await manager('v1').apply(undefined, v1, { manager: 'me', force: false });
  const asV2 = {
    ...live,
    apiVersion: 'v2',
    values: (live as unknown as Value)['data'],
    data: undefined,
  } as unknown as KubeObject;
  const v2 = { apiVersion: 'v2', kind: 'Thing', metadata: { name: 'x' }, values: { a: '2' } };
  await assert.rejects(manager('v2').apply(asV2, v2, { manager: 'other', force: false }), {
    message: 'Apply failed with 1 conflict: conflict with "me": .data.a',
  });
  const mine = await manager('v2').apply(asV2, v2, { manager: 'me', force: false });
  assert.deepEqual((mine as unknown as Value)['values'], { a: '2' }, 'b, which was applied in v1, is gone');
  assert.deepEqual(mine.metadata.managedFields?.map(ownerText), ['me/Apply@-1767225600: {"f:values":{"f:a":{}}}']);
  const orphan = await manager('v2', ['v1']).apply(
    asV2,
    { ...v2, values: { a: '3' } },
    { manager: 'other', force: false },
  );
  assert.deepEqual(
    orphan.metadata.managedFields?.map(({ manager: name }) => name),
    ['other'],
    'who wrote in a version that is gone owns nothing',
  );
});
