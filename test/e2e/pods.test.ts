/** What the node agent does with pods, seen with the real kubectl on real containers. Tests run side by side, each in a namespace of its own. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '#api';
import { BUSYBOX, useCluster } from './support/cluster.ts';
import { configMap, container, pod, secret, shell } from './support/manifests.ts';

const cluster = useCluster();

test('a pod whose image is on the node runs', async (t) => {
  const kubectl = await cluster.namespace(t);
  await using watch = kubectl.start('get', 'pods', '--watch', '--no-headers');
  const began = performance.now();
  await kubectl.run('create', 'deployment', 'web', `--image=${BUSYBOX}`, '--', 'sleep', '1000');
  await watch.until(/^web-\S+ +1\/1 +Running/m);
  const ms = Math.round(performance.now() - began);
  t.diagnostic(`create deployment to Running: ${ms} ms`);
});

describe('a pod', { concurrency: 6 }, () => {
  test('gets its environment from values, fields, resources, ConfigMaps and Secrets, and expands it', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(
      configMap('settings', { GREETING: 'hello', LEVEL: 'from the map' }),
      secret('keys', { PASSWORD: 's3cret' }),
      pod(
        'env',
        {
          containers: [
            container({
              ...shell('exec sleep 1000'),
              args: ['$(GREETING) $(MISSING) $$(GREETING) $(LATER)'],
              envFrom: [{ configMapRef: { name: 'settings' } }, { prefix: 'S_', secretRef: { name: 'keys' } }],
              env: [
                { name: 'LEVEL', value: 'from the pod' },
                { name: 'BOTH', value: '$(LEVEL), $(GREETING), $(LATER)' },
                { name: 'LATER', value: 'x' },
                { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'keys', key: 'PASSWORD' } } },
                { name: 'ABSENT', valueFrom: { configMapKeyRef: { name: 'none', key: 'k', optional: true } } },
                { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                { name: 'NOTE', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['note']" } } },
                { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
                { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
              ],
              resources: { limits: { memory: '32Mi' } },
            }),
          ],
        },
        { annotations: { note: 'well' } },
      ),
    );
    await kubectl.waitReady('pod/env');
    const [argument = '', ...variables] = (
      await kubectl.run('exec', 'env', '--', 'sh', '-c', 'tr "\\0" "\\n" < /proc/1/cmdline | tail -n1; env')
    ).split('\n');
    // `sh -c 'exec sleep 1000' ARG`: the argument is gone from the command line of what it became.
    assert.equal(argument, '1000');
    const env = Object.fromEntries(variables.map((line) => line.split(/=(.*)/s)));
    const ip = await kubectl.run('get', 'pod', 'env', '-o', 'jsonpath={.status.podIP}');
    for (const [name, value] of Object.entries({
      GREETING: 'hello',
      S_PASSWORD: 's3cret',
      LEVEL: 'from the pod',
      BOTH: 'from the pod, hello, $(LATER)',
      PASSWORD: 's3cret',
      ABSENT: undefined,
      POD: 'env',
      NOTE: 'well',
      IP: ip,
      MEMORY: '32',
      HOSTNAME: 'env',
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
    }))
      assert.equal(env[name], value, name);
  });

  test('expands variables in its command and arguments, and only those that are defined', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(
      pod('args', {
        restartPolicy: 'Never',
        containers: [
          container({
            command: ['echo', '$(WORD)'],
            args: ['$(MISSING)', '$$(WORD)', '$(WORD)s'],
            env: [{ name: 'WORD', value: 'pirogue' }],
          }),
        ],
      }),
    );
    await kubectl.waitFor('{.status.phase}=Succeeded', 'pod/args');
    assert.equal(await kubectl.run('logs', 'args'), 'pirogue $(MISSING) $(WORD) pirogues\n');
    assert.match(await kubectl.run('get', 'pod', 'args'), /0\/1 +Completed +0/);
  });

  test('mounts ConfigMaps, Secrets and itself as files, which follow what they show', async (t) => {
    const kubectl = await cluster.namespace(t);
    const mounts = ['settings', 'keys', 'self', 'scratch'].map((name) => ({ name, mountPath: `/mnt/${name}` }));
    await kubectl.apply(
      configMap('settings', { 'app.conf': 'colour=red\n', other: 'o' }),
      secret('keys', { token: 'one' }),
      pod(
        'files',
        {
          volumes: [
            { name: 'settings', configMap: { name: 'settings', items: [{ key: 'app.conf', path: 'etc/app.conf' }] } },
            { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
            { name: 'self', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
            { name: 'scratch', emptyDir: {} },
          ],
          containers: [
            container({ volumeMounts: mounts }),
            container({ name: 'second', volumeMounts: mounts.filter(({ name }) => name === 'scratch') }),
          ],
        },
        { labels: { tier: 'front' } },
      ),
    );
    await kubectl.waitReady('pod/files');
    const inside = (script: string, from = 'main'): Promise<string> =>
      kubectl.run('exec', 'files', '-c', from, '--', 'sh', '-c', script);
    assert.equal(
      await inside('cd /mnt && cat settings/etc/app.conf keys/token self/labels'),
      'colour=red\nonetier="front"',
    );
    assert.equal(
      await inside('ls /mnt/settings; stat -Lc %a /mnt/keys/token; stat -fc %T /mnt/keys'),
      'etc\n400\ntmpfs\n',
    );
    await inside('echo shared > /mnt/scratch/file');
    assert.equal(await inside('cat /mnt/scratch/file', 'second'), 'shared\n');
    assert.equal(await inside('echo x > /mnt/keys/new 2>&1 || echo refused'), 'refused\n');

    const began = performance.now();
    await kubectl.run('patch', 'configmap', 'settings', '-p', '{"data":{"app.conf":"colour=blue\\n"}}');
    await kubectl.run('patch', 'secret', 'keys', '-p', '{"stringData":{"token":"two"}}');
    await kubectl.run('label', 'pod', 'files', 'tier=back', '--overwrite');
    const changed = 'grep -q blue settings/etc/app.conf && grep -q two keys/token && grep -q back self/labels';
    await inside(`cd /mnt; i=0; until ${changed}; do i=$((i+1)); [ $i -lt 300 ] || exit 1; sleep 0.2; done`);
    t.diagnostic(`mounted files followed within ${Math.round(performance.now() - began)} ms`);
  });

  test('runs init containers one after the other before its containers', async (t) => {
    const kubectl = await cluster.namespace(t);
    const volumeMounts = [{ name: 'scratch', mountPath: '/scratch' }];
    const step = (name: string): object =>
      container({
        name,
        volumeMounts,
        ...shell(`date +%s.%N >> /scratch/times; echo ${name} >> /scratch/order; sleep 0.2`),
      });
    await using watch = kubectl.start('get', 'pods', '--watch', '--no-headers');
    await kubectl.apply(
      pod('ordered', {
        volumes: [{ name: 'scratch', emptyDir: {} }],
        initContainers: [step('first'), step('second')],
        containers: [container({ volumeMounts })],
      }),
    );
    await kubectl.waitReady('pod/ordered');
    assert.equal(await kubectl.run('exec', 'ordered', '-c', 'main', '--', 'cat', '/scratch/order'), 'first\nsecond\n');
    const states = await watch.until(/ 1\/1 +Running/);
    const order = ['Pending', 'Init:0/2', 'Init:1/2', 'PodInitializing', 'Running'];
    const seen = [...states.matchAll(/^ordered +\S+ +(\S+)/gm)].map(([, state = '']) => order.indexOf(state));
    assert.ok(!seen.includes(-1), states);
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
      states,
    );
    for (const state of ['Init:0/2', 'Init:1/2', 'Running']) assert.ok(seen.includes(order.indexOf(state)), states);
  });

  test('waits for an init container that fails, and tries it again', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(
      pod('stuck', {
        initContainers: [container({ name: 'never', ...shell('echo not yet; exit 3') })],
        containers: [container()],
      }),
    );
    const state = '.status.initContainerStatuses[0]';
    await kubectl.waitFor(`{${state}.state.waiting.reason}=CrashLoopBackOff`, 'pod/stuck');
    assert.match(await kubectl.run('get', 'pod', 'stuck'), /0\/1 +Init:CrashLoopBackOff +[12] /);
    assert.equal(await kubectl.run('logs', 'stuck', '-c', 'never'), 'not yet\n');
    const { status } = await kubectl.get<Pod>('pod', 'stuck');
    assert.equal(status.initContainerStatuses?.[0]?.lastState?.terminated?.exitCode, 3);
    assert.equal(status.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing');
  });

  test('is started again when it ends, ever later, and keeps what it said before', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(
      pod('crashing', { containers: [container(shell('exit 4'))] }),
      pod('second', {
        volumes: [{ name: 'scratch', emptyDir: {} }],
        containers: [
          container({
            volumeMounts: [{ name: 'scratch', mountPath: '/s' }],
            ...shell('[ -e /s/x ] || { >/s/x; echo first; exit 1; }; echo second; trap exit TERM; sleep 1000 & wait'),
          }),
        ],
      }),
    );
    await kubectl.event(
      'Pod/crashing',
      /BackOff: Back-off restarting failed container main in pod crashing_\S+\(\S+\)/,
    );
    await kubectl.waitFor('{.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff', 'pod/crashing');
    const { status } = await kubectl.get<Pod>('pod', 'crashing');
    assert.match(
      status.containerStatuses?.[0]?.state?.waiting?.message ?? '',
      /^back-off 10s restarting failed container=main pod=crashing_\S+\(\S+\)$/,
    );
    assert.equal(status.containerStatuses?.[0]?.lastState?.terminated?.reason, 'Error');
    assert.equal(status.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 4);
    await kubectl.waitReady('pod/second');
    assert.equal(await kubectl.run('logs', 'second'), 'second\n');
    assert.equal(await kubectl.run('logs', 'second', '--previous'), 'first\n');
    assert.match(await kubectl.run('get', 'pod', 'second'), /1\/1 +Running +1 \(\d+s ago\)/);
  });

  test('stays as it ended when its restart policy says so', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(
      pod('never', { restartPolicy: 'Never', containers: [container(shell('exit 5'))] }),
      pod('onfailure', {
        restartPolicy: 'OnFailure',
        volumes: [{ name: 'scratch', emptyDir: {} }],
        containers: [
          container({
            volumeMounts: [{ name: 'scratch', mountPath: '/s' }],
            ...shell('[ -e /s/x ] || { >/s/x; exit 1; }'),
          }),
        ],
      }),
    );
    await kubectl.waitFor('{.status.phase}=Failed', 'pod/never');
    await kubectl.waitFor('{.status.phase}=Succeeded', 'pod/onfailure');
    const pods = await kubectl.run('get', 'pods', '--no-headers');
    assert.match(pods, /^never +0\/1 +Error +0 /m);
    assert.match(pods, /^onfailure +0\/1 +Completed +1 /m);
  });

  test('is ready while its readiness probe succeeds, and not restarted while it does not', async (t) => {
    const kubectl = await cluster.namespace(t);
    const readinessProbe = { exec: { command: ['cat', '/tmp/ready'] }, periodSeconds: 1, failureThreshold: 1 };
    await kubectl.apply(pod('gated', { containers: [container({ readinessProbe })] }));
    const unhealthy = await kubectl.event('Pod/gated', /Unhealthy: Readiness probe failed: .*/);
    assert.match(unhealthy, /No such file or directory/);
    assert.match(await kubectl.run('get', 'pod', 'gated'), / 0\/1 +Running +0 /);
    const { status } = await kubectl.get<Pod>('pod', 'gated');
    assert.equal(
      status.conditions?.find(({ type }) => type === 'Ready')?.message,
      'containers with unready status: [main]',
    );
    await kubectl.run('exec', 'gated', '--', 'touch', '/tmp/ready');
    await kubectl.waitReady('pod/gated');
    await kubectl.run('exec', 'gated', '--', 'rm', '/tmp/ready');
    await kubectl.waitFor('condition=Ready=false', 'pod/gated');
    assert.match(await kubectl.run('get', 'pod', 'gated'), / 0\/1 +Running +0 /);
  });

  test('is restarted when its liveness probe fails', async (t) => {
    const kubectl = await cluster.namespace(t);
    const livenessProbe = { exec: { command: ['test', '-e', '/tmp/alive'] }, periodSeconds: 1, failureThreshold: 2 };
    await kubectl.apply(
      pod('alive', {
        containers: [container({ livenessProbe, ...shell('>/tmp/alive; trap exit TERM; sleep 1000 & wait') })],
      }),
    );
    await kubectl.waitReady('pod/alive');
    await kubectl.run('exec', 'alive', '--', 'rm', '/tmp/alive');
    await kubectl.event('Pod/alive', /Unhealthy: Liveness probe failed: /);
    await kubectl.event('Pod/alive', /Killing: Container main failed liveness probe, will be restarted/);
    await kubectl.waitFor('{.status.containerStatuses[0].restartCount}=1', 'pod/alive');
    await kubectl.waitReady('pod/alive');
  });

  test('is probed over HTTP and TCP, and for liveness only once it has started', async (t) => {
    const kubectl = await cluster.namespace(t);
    const serve =
      'mkdir /www; trap exit TERM; httpd -p 8080 -h /www; (sleep 2; echo ok > /www/started) & while :; do sleep 1 & wait $!; done';
    const fast = { periodSeconds: 1, failureThreshold: 1 };
    await kubectl.apply(
      pod('served', {
        containers: [
          container({
            ...shell(serve),
            ports: [{ name: 'http', containerPort: 8080 }],
            startupProbe: { httpGet: { path: '/started', port: 'http' }, periodSeconds: 1, failureThreshold: 30 },
            livenessProbe: { httpGet: { path: '/started', port: 8080 }, ...fast },
            readinessProbe: { tcpSocket: { port: 'http' }, ...fast },
          }),
        ],
      }),
    );
    await kubectl.event('Pod/served', /Unhealthy: Startup probe failed: HTTP probe failed with statuscode: 404/);
    assert.equal(
      await kubectl.run('get', 'pod', 'served', '-o', 'jsonpath={.status.containerStatuses[0].started}'),
      'false',
    );
    await kubectl.waitReady('pod/served');
    const { status } = await kubectl.get<Pod>('pod', 'served');
    assert.equal(status.containerStatuses?.[0]?.started, true);
    assert.equal(status.containerStatuses?.[0]?.restartCount, 0);
    await kubectl.run('exec', 'served', '--', 'rm', '/www/started');
    await kubectl.waitFor('{.status.containerStatuses[0].restartCount}=1', 'pod/served');
  });

  test('has its limits as cgroup settings and is killed when it takes more memory', async (t) => {
    const kubectl = await cluster.namespace(t);
    const resources = { requests: { cpu: '50m' }, limits: { cpu: '200m', memory: '24Mi' } };
    await kubectl.apply(
      pod('limited', { containers: [container({ resources })] }),
      pod('greedy', {
        restartPolicy: 'Never',
        containers: [container({ resources, ...shell('x=a; while :; do x=$x$x; done') })],
      }),
    );
    await kubectl.waitFor('{.status.phase}=Failed', 'pod/greedy');
    const { status } = await kubectl.get<Pod>('pod', 'greedy');
    const { reason, exitCode } = status.containerStatuses?.[0]?.state?.terminated ?? {};
    assert.deepEqual({ reason, exitCode }, { reason: 'OOMKilled', exitCode: 137 });
    assert.match(await kubectl.run('get', 'pod', 'greedy'), /0\/1 +OOMKilled +0 /);

    await kubectl.waitReady('pod/limited');
    const { metadata, spec, status: limited } = await kubectl.get<Pod>('pod', 'limited');
    assert.equal(limited.qosClass, 'Burstable');
    const id = limited.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? '';
    const read = (file: string): Promise<string> =>
      cluster.pirogue(
        'node',
        'exec',
        spec.nodeName ?? '',
        '--',
        'sh',
        '-c',
        `cat $(find /sys/fs/cgroup -path '*pod${metadata.uid}/${id}/${file}') /dev/null`,
      );
    const memory = (await read('memory.limit_in_bytes')) || (await read('memory.max'));
    assert.equal(memory, `${24 << 20}\n`);
    const cpu = (await read('cpu.cfs_quota_us')) || (await read('cpu.max'));
    assert.match(cpu, /^20000\b/);
  });

  test('is given the time it asks for to end, and not more', async (t) => {
    const kubectl = await cluster.namespace(t);
    const deaf = container(shell('trap "" TERM; echo up; while :; do sleep 1; done'));
    const polite = container(shell('trap "sleep 1; exit" TERM; echo up; while :; do sleep 0.1; done'));
    await kubectl.apply(
      pod('polite', { terminationGracePeriodSeconds: 60, containers: [polite] }),
      pod('deaf', { terminationGracePeriodSeconds: 2, containers: [deaf] }),
      pod('stubborn', { terminationGracePeriodSeconds: 300, containers: [deaf] }),
    );
    await kubectl.waitReady('pod/polite', 'pod/deaf', 'pod/stubborn');
    for (const name of ['polite', 'deaf', 'stubborn']) {
      await using logs = kubectl.start('logs', '-f', name); // before they have come so far, the signal does not reach them
      await logs.until(/up/);
    }
    await using watch = kubectl.start('get', 'pods', '--watch', '--no-headers');
    const ended = await kubectl.try('delete', 'pod', 'polite');
    assert.equal(ended.code, 0);
    assert.ok(ended.ms >= 900 && ended.ms < 20_000, `a pod that takes a second to end took ${ended.ms} ms`);
    await watch.until(/^polite +1\/1 +Terminating/m);
    const late = await kubectl.try('delete', 'pod', 'deaf');
    assert.ok(late.ms >= 1900 && late.ms < 20_000, `a pod with a grace of 2 s that does not listen took ${late.ms} ms`);
    await kubectl.event('Pod/deaf', /Killing: Stopping container main/);
    const forced = await kubectl.try('delete', 'pod', 'stubborn', '--grace-period=0', '--force');
    assert.match(forced.stderr, /Immediate deletion does not wait for confirmation/);
    assert.ok(forced.ms < 20_000, `${forced.ms} ms`);
    assert.equal((await kubectl.list<Pod>('pods')).length, 0);
  });

  test('waits for what it refers to, and says what is missing', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(
      pod('wanting', { containers: [container({ envFrom: [{ configMapRef: { name: 'late' } }] })] }),
      pod('keyless', {
        containers: [container({ env: [{ name: 'K', valueFrom: { secretKeyRef: { name: 'partial', key: 'k' } } }] })],
      }),
      secret('partial', { other: 'x' }),
      pod('unmounted', {
        volumes: [{ name: 'v', secret: { secretName: 'absent' } }],
        containers: [container({ volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
      }),
    );
    const reason = '{.status.containerStatuses[0].state.waiting.reason}';
    await kubectl.waitFor(`${reason}=CreateContainerConfigError`, 'pod/wanting', 'pod/keyless');
    assert.match(await kubectl.run('get', 'pod', 'wanting'), /0\/1 +CreateContainerConfigError +0 /);
    await kubectl.event('Pod/wanting', /Failed: Error: configmap "late" not found/);
    await kubectl.event('Pod/keyless', /Failed: Error: couldn't find key k in Secret \S+\/partial/);
    await kubectl.event(
      'Pod/unmounted',
      /FailedMount: MountVolume.SetUp failed for volume "v" : secret "absent" not found/,
    );
    assert.match(await kubectl.run('get', 'pod', 'unmounted'), /0\/1 +ContainerCreating +0 /);
    await kubectl.run('create', 'configmap', 'late', '--from-literal=A=b');
    await kubectl.waitReady('pod/wanting');
    assert.equal(await kubectl.run('exec', 'wanting', '--', 'sh', '-c', 'echo $A'), 'b\n');
    await kubectl.run('create', 'secret', 'generic', 'absent', '--from-literal=a=b');
    await kubectl.waitReady('pod/unmounted');
  });

  test('says why its image cannot be had', async (t) => {
    const kubectl = await cluster.namespace(t);
    const image = 'registry.invalid/team/app:1';
    await kubectl.apply(
      pod('absent', { containers: [container({ image })] }),
      pod('misspelt', { containers: [container({ image: 'Upper:1' })] }),
      pod('forbidden', { containers: [container({ image, imagePullPolicy: 'Never' })] }),
    );
    const reason = '{.status.containerStatuses[0].state.waiting.reason}';
    await kubectl.waitFor(`${reason}=ImagePullBackOff`, 'pod/absent');
    await kubectl.event('Pod/absent', /Pulling: Pulling image "registry.invalid\/team\/app:1"/);
    await kubectl.event('Pod/absent', /Failed: Failed to pull image "registry.invalid\/team\/app:1": /);
    await kubectl.event('Pod/absent', /Failed: Error: ErrImagePull/);
    await kubectl.event('Pod/absent', /BackOff: Back-off pulling image "registry.invalid\/team\/app:1"/);
    await kubectl.event('Pod/absent', /Failed: Error: ImagePullBackOff/);
    await kubectl.waitFor(`${reason}=InvalidImageName`, 'pod/misspelt');
    await kubectl.event('Pod/misspelt', /InspectFailed: Failed to apply default image tag "Upper:1": /);
    await kubectl.waitFor(`${reason}=ErrImageNeverPull`, 'pod/forbidden');
    await kubectl.event(
      'Pod/forbidden',
      /ErrImageNeverPull: Container image "registry.invalid\/team\/app:1" is not present with pull policy of Never/,
    );
  });

  test('tells its story in describe, with upstream’s events in their order', async (t) => {
    const kubectl = await cluster.namespace(t);
    await kubectl.apply(pod('story', { containers: [container()] }));
    await kubectl.waitReady('pod/story');
    await kubectl.event('Pod/story', /Started: /);
    const text = await kubectl.run('describe', 'pod', 'story');
    assert.match(text, /^Status: +Running$/m);
    const events = [...text.slice(text.indexOf('\nEvents:')).matchAll(/^ +Normal +(\S+) +\S+ +(\S+) +(.*)$/gm)];
    assert.deepEqual(
      events.map(([, reason, from]) => [reason, from]),
      [
        ['Scheduled', 'default-scheduler'],
        ['Pulled', 'kubelet'],
        ['Created', 'kubelet'],
        ['Started', 'kubelet'],
      ],
    );
    assert.match(events[0]?.[3] ?? '', /^Successfully assigned \S+\/story to node[12]$/);
    assert.match(events[1]?.[3] ?? '', new RegExp(`^Container image "${BUSYBOX}" already present on machine`));
  });
});
