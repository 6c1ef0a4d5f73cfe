import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Pod, PodSpec } from '#api';
import { containerHash } from '../runtime/hash.ts';
import type { RuntimeContainer, RuntimePod } from '../runtime/model.ts';
import { container, pod } from '../testing/node.ts';
import { computePodActions } from './actions.ts';
import { admitPod } from './admit.ts';
import { podPhase } from '../status/phase.ts';
import { computePodStatus } from '../status/pod-status.ts';
import { statusPatch } from '../status/status-manager.ts';

let sequence = 0n;
const instance = (name: string, rest: Partial<RuntimeContainer> = {}): RuntimeContainer => ({
  id: `${name}-${++sequence}`,
  name,
  sandboxId: 's',
  image: 'nginx:1',
  imageRef: 'ref',
  hash: containerHash(container(name)),
  restartCount: 0,
  state: 'running',
  createdAtNanos: sequence,
  startedAtMs: 0,
  exitCode: 0,
  reason: '',
  message: '',
  logPath: '',
  annotations: {},
  ...rest,
});
const exited = (name: string, exitCode: number, rest: Partial<RuntimeContainer> = {}): RuntimeContainer =>
  instance(name, {
    state: 'exited',
    exitCode,
    finishedAtMs: 0,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    ...rest,
  });
const runtime = (containers: RuntimeContainer[], { ready = true } = {}): RuntimePod => ({
  uid: 'u',
  name: 'p',
  namespace: 'default',
  sandboxes: [{ id: 's', ready, attempt: 0, createdAtNanos: 1n, hostNetwork: false, ips: ['10.0.0.1'] }],
  containers,
  ips: ready ? ['10.0.0.1'] : [],
});

/** What is to be done, in short. */
function decide(spec: Partial<PodSpec>, runtimePod: RuntimePod, verdicts: Record<string, object> = {}): string {
  const actions = computePodActions(pod('p', spec), runtimePod, (id) => verdicts[id.split('-')[0] ?? ''] ?? {});
  const names = (list: readonly { name: string }[]): string => list.map(({ name }) => name).join(',');
  return [
    actions.killPod ? 'killPod' : '',
    actions.createSandbox ? `sandbox#${actions.attempt}` : '',
    ...actions.kill.map(({ message }) => `[${message}]`),
    actions.init.length > 0 ? `init ${names(actions.init)}` : '',
    actions.containers.length > 0 ? `start ${names(actions.containers)}` : '',
  ]
    .filter((text) => text !== '')
    .join(' ');
}

const two = { containers: [container('a'), container('b')] };
const side = container('side', { restartPolicy: 'Always' });

describe('what is to be done with a pod', () => {
  it('that is new: a sandbox and all its containers, or the first init container', () => {
    const none = { ...runtime([]), sandboxes: [], ips: [] };
    assert.equal(decide(two, none), 'killPod sandbox#0 start a,b');
    assert.equal(
      decide({ ...two, initContainers: [container('i'), container('j')] }, none),
      'killPod sandbox#0 init i',
    );
  });

  it('that runs: nothing', () => {
    assert.equal(decide(two, runtime([instance('a'), instance('b')])), '');
  });

  it('of which one has ended: by the restart policy', () => {
    const state = (code: number) => runtime([instance('a'), exited('b', code)]);
    assert.equal(decide({ ...two, restartPolicy: 'Always' }, state(0)), 'start b');
    assert.equal(decide({ ...two, restartPolicy: 'OnFailure' }, state(1)), 'start b');
    assert.equal(decide({ ...two, restartPolicy: 'OnFailure' }, state(0)), '');
    assert.equal(decide({ ...two, restartPolicy: 'Never' }, state(1)), '');
    const rules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
    const own = { containers: [container('a'), container('b', { restartPolicy: 'Never', restartPolicyRules: rules })] };
    assert.equal(decide({ ...own, restartPolicy: 'Always' }, state(42)), 'start b');
    assert.equal(decide({ ...own, restartPolicy: 'Always' }, state(1)), '');
  });

  it('of which all have ended for good: the sandbox is stopped', () => {
    assert.equal(decide({ ...two, restartPolicy: 'Never' }, runtime([exited('a', 0), exited('b', 1)])), 'killPod');
  });

  it('whose sandbox died: another one, unless nothing would run in it', () => {
    assert.equal(
      decide(two, runtime([exited('a', 255), exited('b', 0)], { ready: false })),
      'killPod sandbox#1 start a,b',
    );
    assert.equal(
      decide({ ...two, restartPolicy: 'OnFailure' }, runtime([exited('a', 255), exited('b', 0)], { ready: false })),
      'killPod sandbox#1 start a',
    );
    assert.equal(
      decide({ ...two, restartPolicy: 'Never' }, runtime([exited('a', 255), exited('b', 0)], { ready: false })),
      'killPod',
    );
  });

  it('whose probes failed or whose image changed: that container is replaced', () => {
    assert.equal(
      decide(two, runtime([instance('a'), instance('b')]), { b: { liveness: 'failure' } }),
      '[Container b failed liveness probe, will be restarted] start b',
    );
    assert.equal(
      decide({ ...two, restartPolicy: 'Never' }, runtime([instance('a'), instance('b')]), {
        b: { startup: 'failure' },
      }),
      '[Container b failed startup probe]',
    );
    const changed = { containers: [container('a', { image: 'nginx:2' })], restartPolicy: 'Never' };
    assert.equal(
      decide(changed, runtime([instance('a')])),
      '[Container a definition changed, will be restarted] start a',
    );
  });

  it('with init containers: one after the other, again when one failed', () => {
    const spec = { ...two, initContainers: [container('i'), container('j')] };
    assert.equal(decide(spec, runtime([])), 'init i');
    assert.equal(decide(spec, runtime([instance('i')])), '');
    assert.equal(decide(spec, runtime([exited('i', 0)])), 'init j');
    assert.equal(decide(spec, runtime([exited('i', 1)])), 'init i');
    assert.equal(decide({ ...spec, restartPolicy: 'Never' }, runtime([exited('i', 1)])), 'killPod');
    assert.equal(decide(spec, runtime([exited('j', 0), exited('i', 0)])), 'start a,b');
    assert.equal(decide(spec, runtime([exited('j', 0)])), 'start a,b', 'the first may have been removed since');
    assert.equal(decide(spec, runtime([instance('a'), instance('b')])), '', 'all may have been');
  });

  it('with sidecars: the next follows once one has started, and they are kept running', () => {
    const spec = { ...two, initContainers: [side, container('j')] };
    assert.equal(decide(spec, runtime([instance('side')])), 'init j');
    assert.equal(decide(spec, runtime([exited('j', 0), instance('side')])), 'start a,b');
    assert.equal(decide(spec, runtime([instance('a'), instance('b'), exited('j', 0), exited('side', 1)])), 'init side');
    const slow = { ...two, initContainers: [container('side', { restartPolicy: 'Always', startupProbe: {} })] };
    assert.equal(decide(slow, runtime([instance('side')])), '');
    assert.equal(decide(slow, runtime([instance('side')]), { side: { startup: 'success' } }), 'start a,b');
    assert.equal(
      decide(slow, runtime([instance('side')]), { side: { startup: 'failure' } }),
      '[Init container side failed startup probe] init side',
    );
    const done = runtime([exited('a', 0), exited('b', 0), instance('side')]);
    assert.equal(decide({ ...two, initContainers: [side], restartPolicy: 'Never' }, done), 'killPod');
  });

  it('never starts a container that runs', () => {
    const state = fc.constantFrom('running', 'exited', 'created', 'absent');
    const arbitrary = fc.record({
      policy: fc.constantFrom('Always', 'OnFailure', 'Never'),
      states: fc.array(state, { minLength: 2, maxLength: 2 }),
      code: fc.constantFrom(0, 1),
      init: fc.boolean(),
      sandboxReady: fc.boolean(),
    });
    fc.assert(
      fc.property(arbitrary, ({ policy, states, code, init, sandboxReady }) => {
        const containers = states.flatMap((s, i) =>
          s === 'absent'
            ? []
            : [instance(i === 0 ? 'a' : 'b', { state: s as RuntimeContainer['state'], exitCode: code })],
        );
        const own = pod('p', {
          ...two,
          restartPolicy: policy,
          ...(init && { initContainers: [container('i'), side] }),
        });
        const actions = computePodActions(own, runtime(containers, { ready: sandboxReady }), () => ({}));
        if (actions.killPod) return;
        const killed = new Set(actions.kill.map((kill) => kill.instance.name));
        for (const { name } of [...actions.containers, ...actions.init]) {
          const running = containers.some((c) => c.name === name && c.state === 'running');
          assert.ok(!running || killed.has(name), `${name} would run twice`);
        }
      }),
    );
  });
});

describe('the status of a pod', () => {
  const status = (own: Pod, runtimePod: RuntimePod, rest: Partial<Parameters<typeof computePodStatus>[2]> = {}) =>
    computePodStatus(own, own.status, {
      runtimePod,
      failureOf: () => undefined,
      verdictsOf: () => ({}),
      nowMs: 0,
      hostIP: '172.18.0.2',
      terminal: false,
      ...rest,
    });

  it('has a phase for every state of its containers', () => {
    const phase = (spec: Partial<PodSpec>, containers: RuntimeContainer[]) =>
      status(pod('p', spec), runtime(containers)).phase;
    assert.equal(phase(two, []), 'Pending');
    assert.equal(phase(two, [instance('a')]), 'Pending');
    assert.equal(phase(two, [instance('a'), instance('b')]), 'Running');
    assert.equal(phase(two, [exited('a', 1), exited('b', 0)]), 'Running');
    assert.equal(phase({ ...two, restartPolicy: 'Never' }, [exited('a', 0), instance('b')]), 'Running');
    assert.equal(phase({ ...two, restartPolicy: 'Never' }, [exited('a', 0), exited('b', 0)]), 'Succeeded');
    assert.equal(phase({ ...two, restartPolicy: 'Never' }, [exited('a', 0), exited('b', 1)]), 'Failed');
    assert.equal(phase({ ...two, restartPolicy: 'OnFailure' }, [exited('a', 0), exited('b', 1)]), 'Running');
    assert.equal(phase({ ...two, initContainers: [container('i')] }, [instance('i')]), 'Pending');
    assert.equal(
      phase({ ...two, initContainers: [container('i')], restartPolicy: 'Never' }, [exited('i', 1)]),
      'Failed',
    );
    assert.equal(
      podPhase(
        pod('p', two),
        status(pod('p', two), runtime([exited('a', 0), exited('b', 143)])).containerStatuses ?? [],
        { terminal: true, initialized: true },
      ),
      'Failed',
    );
  });

  it('does not leave a terminal phase', () => {
    const failed: Pod = { ...pod('p'), status: { phase: 'Failed', reason: 'Evicted' } };
    const { phase, reason } = status(failed, runtime([instance('web')]));
    assert.deepEqual([phase, reason], ['Failed', 'Evicted']);
  });

  it('keeps conditions of others and the time of its own last change', () => {
    const lastTransitionTime = '2020-01-01T00:00:00Z';
    const own: Pod = {
      ...pod('p', { readinessGates: [{ conditionType: 'lb' }] }),
      status: {
        conditions: [
          { type: 'lb', status: 'False', lastTransitionTime },
          { type: 'PodScheduled', status: 'True', lastTransitionTime },
          { type: 'Ready', status: 'True', lastTransitionTime },
        ],
      },
    };
    const conditions = Object.fromEntries(
      (status(own, runtime([instance('web')])).conditions ?? []).map((c) => [c.type, c]),
    );
    assert.equal(conditions['lb']?.status, 'False');
    assert.equal(conditions['PodScheduled']?.lastTransitionTime, lastTransitionTime);
    assert.equal(conditions['Ready']?.lastTransitionTime, '1970-01-01T00:00:00Z');
    assert.equal(conditions['Ready']?.reason, 'ReadinessGatesNotReady');
    assert.equal(conditions['Ready']?.message, 'the status of pod readiness gate "lb" is not "True", but False');
    assert.equal(conditions['ContainersReady']?.status, 'True');
  });

  it('says of a container the runtime has lost that it ended', () => {
    const own: Pod = {
      ...pod('p'),
      status: {
        phase: 'Running',
        containerStatuses: [
          { name: 'web', image: 'x', imageID: '', ready: true, restartCount: 2, state: { running: {} } },
        ],
      },
    };
    const [web] = status(own, runtime([])).containerStatuses ?? [];
    assert.equal(web?.restartCount, 3);
    assert.equal(web?.lastState?.terminated?.reason, 'ContainerStatusUnknown');
    assert.equal(status(own, runtime([])).phase, 'Running');
  });

  it('shows why a container waits, and how it ended before', () => {
    const runtimePod = runtime([exited('web', 1)]);
    const failureOf = () => ({ reason: 'CrashLoopBackOff' as const, message: 'back-off 10s' });
    const [web] = status(pod('p'), runtimePod, { failureOf }).containerStatuses ?? [];
    assert.deepEqual(web?.state, { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } });
    assert.equal(web?.lastState?.terminated?.exitCode, 1);
  });
});

describe('a status patch', () => {
  const ready = { type: 'Ready', status: 'True', reason: 'x', lastTransitionTime: 't' };

  it('is nothing when nothing has changed, empty values being as good as none', () => {
    const status = { phase: 'Running', conditions: [ready], containerStatuses: [] };
    assert.equal(statusPatch({ conditions: [ready], phase: 'Running' }, status), undefined);
  });

  it('names what has gone, which a merge would keep', () => {
    const base = {
      phase: 'Pending',
      reason: 'old',
      conditions: [ready, { type: 'lb', status: 'True' }],
      podIPs: [{ ip: '1' }],
    };
    const desired = {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: 'u' }],
      podIPs: [{ ip: '2' }],
    };
    assert.deepEqual(statusPatch(base, desired), {
      phase: 'Running',
      reason: null,
      podIPs: [{ ip: '2' }, { $patch: 'replace' }],
      conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: 'u', reason: null, message: null }],
    });
  });
});

describe('admission on the node', () => {
  const asks = (name: string, requests: Record<string, string>) =>
    pod(name, { containers: [container('web', { resources: { requests } })] });
  const allocatable = { cpu: '2', memory: '1Gi', pods: '3' };

  it('adds up what its pods ask for', () => {
    const others = [asks('a', { cpu: '1', memory: '512Mi' })];
    assert.equal(admitPod(asks('b', { cpu: '1', memory: '512Mi' }), others, allocatable), undefined);
    assert.deepEqual(admitPod(asks('b', { memory: '513Mi' }), others, allocatable), {
      reason: 'OutOfmemory',
      message: "Node didn't have enough resource: memory, requested: 537919488, used: 536870912, capacity: 1073741824",
    });
    assert.equal(admitPod(pod('d'), [pod('a'), pod('b'), pod('c')], allocatable)?.reason, 'OutOfpods');
    assert.equal(admitPod(pod('w', { os: { name: 'windows' } }), [], allocatable)?.reason, 'PodOSNotSupported');
  });
});
