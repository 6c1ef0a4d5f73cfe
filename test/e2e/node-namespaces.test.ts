/**
 * Clusters of real namespaces, cgroups, links and containerds, with stand-ins for the control plane and the agents. Runs on a machine
 * of its own (`scripts/machine.sh`), since it compares what the machine has before and after.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  clusterStatus,
  configureRegistry,
  createCluster,
  type CreateClusterOptions,
  deleteCluster,
  execInNode,
  forgetRegistry,
  loadImage,
  nodeCommand,
  nodeInit,
  openCluster,
  type ProgressEvent,
  runInNode,
  startControlPlane,
  stopNode,
} from '#cluster';
import { newCriClient } from '#cri';
import { isAlive, listLinks, listRoutes, processIdentity, run, writeOciImage } from '#linux';
import { startRegistry } from '#testing';
import { silentLogger, systemClock } from '#util';
import { type Inventory, inventory } from './support/inventory.ts';

const HERE = new URL('node-namespaces/', import.meta.url).pathname;
const PROJECT = new URL('../../', import.meta.url).pathname.replace(/\/$/, '');
const KUBECONFIG = `${process.env['PIROGUE_MACHINE']}/kubeconfig`;
const WAIT_MS = 45_000;

function options(name: string, more: Partial<CreateClusterOptions> = {}): CreateClusterOptions {
  return {
    name,
    workers: 1,
    commands: {
      controlPlane: (directory) => [process.execPath, `${HERE}control-plane.ts`, directory],
      agent: (file) => [process.execPath, `${HERE}agent.ts`, file],
    },
    readOnlyPaths: [PROJECT],
    readyTimeoutMs: WAIT_MS,
    ...more,
  };
}

async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + WAIT_MS;
  while (!(await check())) {
    if (performance.now() > end) assert.fail(`not within ${WAIT_MS} ms: ${what}`);
    await delay(50);
  }
}

let clean: Inventory;
before(async () => {
  assert.ok(
    process.env['PIROGUE_MACHINE'],
    'run it on a machine of its own: scripts/machine.sh node --test test/e2e/node-namespaces.test.ts',
  );
  clean = await inventory();
});
after(async () => {
  for (const name of ['dev', 'other', 'half']) await deleteCluster({ name });
});

/** `/run` a sandbox of the pause image through containerd, as a pod's would be. */
async function runPause(cluster: Awaited<ReturnType<typeof openCluster>>, node: string, id: string): Promise<void> {
  await runInNode(cluster, node, ['ctr', '-n', 'k8s.io', 'run', '-d', 'registry.k8s.io/pause:3.10', id]);
}

async function pauseTask(
  cluster: Awaited<ReturnType<typeof openCluster>>,
  node: string,
  id: string,
): Promise<string | undefined> {
  const tasks = await runInNode(cluster, node, ['ctr', '-n', 'k8s.io', 'tasks', 'ls']);
  return tasks
    .split('\n')
    .find((line) => line.startsWith(`${id} `))
    ?.trim()
    .split(/\s+/)
    .slice(1)
    .join(' ');
}

test('a cluster of two nodes comes up, works, survives deaths, and goes without a trace', async (t) => {
  const events: ProgressEvent[] = [];
  const created = await createCluster(
    options('dev', { kubeconfig: KUBECONFIG, progress: (event) => events.push(event) }),
  );
  report(t, events);
  const cluster = await openCluster({ name: 'dev' });

  await t.test('it has a bridge, two running nodes and a control plane', async () => {
    const status = await clusterStatus(cluster);
    assert.equal(status.controlPlane.running, true);
    assert.deepEqual(
      status.nodes.map((node) => [node.name, node.running, node.ip]),
      [
        ['control-plane', true, '172.18.0.2'],
        ['node1', true, '172.18.0.3'],
      ],
    );
    for (const node of status.nodes) {
      t.diagnostic(
        `${node.name}: ${node.processes} processes; PSS MiB: init ${mib(node.init?.pssBytes)}, containerd ${mib(node.containerd?.pssBytes)}` +
          ` (RSS ${mib(node.containerd?.rssBytes)}), agent ${mib(node.agent?.pssBytes)} (RSS ${mib(node.agent?.rssBytes)})`,
      );
    }
    assert.equal(created.context, 'pirogue-dev');
    assert.match(await readFile(KUBECONFIG, 'utf8'), /^current-context: pirogue-dev$/m);
  });

  await t.test('a second up changes nothing', async () => {
    const again: ProgressEvent[] = [];
    const earlier = await clusterStatus(cluster);
    await createCluster(options('dev', { kubeconfig: KUBECONFIG, progress: (event) => again.push(event) }));
    const done = again.filter((event) => event.state === 'done').map((event) => event.step);
    assert.deepEqual(done, ['nodes-ready']);
    const pids = (status: typeof earlier): (number | undefined)[] => [
      status.controlPlane.process?.pid,
      ...status.nodes.flatMap((n) => [n.init?.pid, n.containerd?.pid, n.agent?.pid]),
    ];
    assert.deepEqual(pids(await clusterStatus(cluster)), pids(earlier));
  });

  await t.test('a node is a machine of its own: name, processes, network, root, cgroup', async () => {
    const inside = (script: string): Promise<string> =>
      runInNode(cluster, 'node1', ['sh', '-c', script]).then((text) => text.trim());
    assert.equal(await inside('hostname'), 'node1');
    assert.match(await inside('cat /proc/1/cmdline | tr "\\0" " "'), /^tini /);
    assert.equal(await inside('ip -br link | cut -d" " -f1 | cut -d@ -f1 | sort | tr "\\n" " "'), 'eth0 lo');
    assert.match(await inside('ip route'), /^default via 172\.18\.0\.1 dev eth0/);
    assert.equal(await inside('cat /proc/self/cgroup | cut -d: -f3 | sort -u'), '/system');
    assert.match(await inside('touch /usr/x 2>&1 || :'), /Read-only file system/);
    assert.match(await inside(`touch ${PROJECT}/x 2>&1 || :`), /Read-only file system/);
    assert.equal(await inside('ls /var/lib/pirogue 2>/dev/null | wc -l'), '0');
    assert.equal(
      await inside('find /etc /var /root /opt -name "*.key" | sort'),
      '/var/lib/kubelet/pki/kubelet-client.key\n/var/lib/kubelet/pki/kubelet.key',
    );
    assert.equal(await inside('stat -fc %T /var/lib/containerd /run | sort | tr "\\n" " "'), 'ext2/ext3 tmpfs');
    assert.equal(await inside('busybox ping -c1 -W2 control-plane >/dev/null && echo reached'), 'reached');
    assert.equal(await inside('ls /dev/pts /dev/shm | tr "\\n" " "'), '/dev/pts: ptmx  /dev/shm:');
    assert.equal(await inside('echo lost > /dev/null; touch /dev/mine; ls /dev/mine'), '/dev/mine');
    assert.ok(!existsSync('/dev/mine'), 'devices of a node are not the machine’s');
  });

  await t.test('exec passes streams and exit codes, and a terminal of the node when asked', async () => {
    assert.equal(await execInNode(cluster, 'node1', ['sh', '-c', 'exit 42'], { stdio: 'ignore' }), 42);
    const init = await nodeInit(cluster, 'node1');
    assert.ok(init);
    assert.equal(await runInNode(cluster, 'node1', ['cat'], { input: 'through' }), 'through');
    const { command, args } = nodeCommand(cluster, 'node1', init, ['sh', '-c', 'tty; exit 7'], { tty: true });
    const child = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    assert.deepEqual(await once(child, 'close'), [7, null]);
    assert.equal(output.trim(), '/dev/pts/0');
  });

  await t.test('the pause image runs as the first process of a sandbox and ends at once when asked to', async () => {
    await runPause(cluster, 'node1', 'sandbox');
    assert.match((await pauseTask(cluster, 'node1', 'sandbox')) ?? '', /^\d+ RUNNING$/);
    const began = performance.now();
    await runInNode(cluster, 'node1', ['ctr', '-n', 'k8s.io', 'tasks', 'kill', '-s', 'SIGTERM', 'sandbox']);
    await eventually('the sandbox ended', async () =>
      /STOPPED/.test((await pauseTask(cluster, 'node1', 'sandbox')) ?? ''),
    );
    t.diagnostic(`pause ended within ${Math.round(performance.now() - began)} ms of SIGTERM`);
    await runInNode(cluster, 'node1', ['ctr', '-n', 'k8s.io', 'containers', 'rm', 'sandbox']);
  });

  await t.test(
    'a pod sandbox made through CRI has a cgroup and an address, and the machine has a way to it',
    async () => {
      const socketPath = (await clusterStatus(cluster)).nodes[1]?.containerdSocket ?? '';
      using cri = newCriClient({ socketPath, clock: systemClock, log: silentLogger });
      const config = {
        metadata: { name: 'pod', uid: 'uid-1', namespace: 'default', attempt: 0 },
        hostname: 'pod',
        log_directory: '/var/log/pods/pod',
        linux: { cgroup_parent: '/kubepods/burstable/poduid-1' },
      };
      const began = performance.now();
      const { pod_sandbox_id: id } = await cri.runtime.runPodSandbox({ config });
      t.diagnostic(`the first pod sandbox took ${Math.round(performance.now() - began)} ms`);
      const { status } = await cri.runtime.podSandboxStatus({ pod_sandbox_id: id });
      assert.match(status?.network?.ip ?? '', /^10\.244\.1\.\d+$/);
      await run('busybox', ['ping', '-c1', '-W2', status?.network?.ip ?? '']);
      const cgroup = `/pirogue/dev/node1/kubepods/burstable/poduid-1/${id}`;
      const found = await run('find', ['/sys/fs/cgroup', '-path', `*${cgroup}`]);
      assert.ok(found.includes(`/sys/fs/cgroup/memory${cgroup}`) || found.includes(`/sys/fs/cgroup${cgroup}`), found);
      await cri.runtime.stopPodSandbox({ pod_sandbox_id: id });
      await cri.runtime.removePodSandbox({ pod_sandbox_id: id });
    },
  );

  await t.test('an image file is loaded into every node', async () => {
    const file = `${process.env['PIROGUE_MACHINE']}/tool.tar`;
    const layers = [[{ path: 'tool', type: 'file', mode: 0o755, content: Buffer.from('#!/bin/sh\n') } as const]];
    await writeOciImage(file, { reference: 'registry.example/tool:1', layers, config: { Cmd: ['/tool'] } });
    assert.deepEqual(
      (await loadImage(cluster, file)).map(({ node }) => node),
      ['control-plane', 'node1'],
    );
    for (const node of ['control-plane', 'node1']) {
      assert.match(
        await runInNode(cluster, node, ['ctr', '-n', 'k8s.io', 'images', 'ls', '-q']),
        /^registry\.example\/tool:1$/m,
      );
    }
    await assert.rejects(loadImage(cluster, file, ['node7']), /has no node node7; its nodes are control-plane, node1/);
  });

  await t.test(
    'a running node pulls from a registry without TLS as soon as it is told to, and says what the registry answers',
    async () => {
      const host = `${cluster.state.gateway}:5000`;
      await using registry = await startRegistry({ host: cluster.state.gateway, users: { ada: 'secret' } });
      await registry.push(`${process.env['PIROGUE_MACHINE']}/tool.tar`, 'team/tool', '1');
      const socketPath = (await clusterStatus(cluster)).nodes[1]?.containerdSocket ?? '';
      using cri = newCriClient({ socketPath, clock: systemClock, log: silentLogger });
      const pull = (password: string, tag = '1'): Promise<unknown> =>
        cri.image.pullImage({ image: { image: `${host}/team/tool:${tag}` }, auth: { username: 'ada', password } });
      await assert.rejects(pull('secret'), /server gave HTTP response to HTTPS client/);
      await configureRegistry(cluster.paths.directory, { host, insecure: 'http' });
      await assert.rejects(pull('wrong'), /401 Unauthorized/);
      await assert.rejects(pull('secret', 'absent'), /not found/);
      await pull('secret');
      await forgetRegistry(cluster.paths.directory, host);
    },
  );

  await t.test('a containerd that is killed comes back, and containers live on', async () => {
    await runPause(cluster, 'node1', 'lasting');
    const task = await pauseTask(cluster, 'node1', 'lasting');
    const first = (await clusterStatus(cluster)).nodes[1]?.containerd?.pid;
    assert.ok(first);
    process.kill(first, 'SIGKILL');
    const began = performance.now();
    await eventually('containerd answers again', async () => {
      const pid = (await clusterStatus(cluster)).nodes[1]?.containerd?.pid;
      return (
        pid !== undefined &&
        pid !== first &&
        (await pauseTask(cluster, 'node1', 'lasting').catch(() => undefined)) === task
      );
    });
    t.diagnostic(`containerd was back ${Math.round(performance.now() - began)} ms after SIGKILL`);
  });

  await t.test('a control plane and an agent that are killed come back', async () => {
    const status = await clusterStatus(cluster);
    const [plane, agent] = [status.controlPlane.process?.pid, status.nodes[0]?.agent?.pid];
    assert.ok(plane !== undefined && agent !== undefined);
    process.kill(plane, 'SIGKILL');
    process.kill(agent, 'SIGKILL');
    await eventually('both run again', async () => {
      const now = await clusterStatus(cluster);
      const pids = [now.controlPlane.process?.pid, now.nodes[0]?.agent?.pid];
      return pids.every((pid) => pid !== undefined && pid !== plane && pid !== agent);
    });
  });

  await t.test('a node that is stopped is started again by up, on the data it had', async () => {
    const node = cluster.state.nodes[1];
    assert.ok(node);
    await runInNode(cluster, 'node1', ['sh', '-c', 'echo kept > /var/lib/kept']);
    const began = performance.now();
    await stopNode(cluster, node, { graceful: true });
    t.diagnostic(`a graceful stop of a node took ${Math.round(performance.now() - began)} ms`);
    assert.equal((await clusterStatus(cluster)).nodes[1]?.running, false);
    assert.deepEqual(
      (await listRoutes()).filter((route) => route.destination === node.podCIDR),
      [],
    );
    await createCluster(options('dev'));
    assert.equal(await runInNode(cluster, 'node1', ['cat', '/var/lib/kept']), 'kept\n');
    assert.match(
      await runInNode(cluster, 'node1', ['ctr', '-n', 'k8s.io', 'images', 'ls', '-q']),
      /^registry\.example\/tool:1$/m,
    );
  });

  await t.test('up adds nodes to a cluster that runs, and refuses to take some away', async () => {
    await createCluster(options('dev', { workers: 2 }));
    assert.match(await runInNode(cluster, 'node1', ['cat', '/etc/hosts']), /^172\.18\.0\.4\tnode2$/m);
    await assert.rejects(createCluster(options('dev', { workers: 1 })), /nodes are not removed/);
  });

  await t.test('a second cluster on the same machine shares nothing with the first', async () => {
    const other = await createCluster(options('other', { workers: 0 }));
    assert.deepEqual(
      [other.state.nodeSubnet, other.state.podCIDR, other.state.apiPort],
      ['172.19.0.0/24', '10.245.0.0/16', 6444],
    );
    await deleteCluster({ name: 'other' });
    assert.equal(
      (await clusterStatus(cluster)).nodes.every((node) => node.running),
      true,
    );
  });

  await t.test('down with its data kept, then up: everything runs again, on other processes', async () => {
    const earlier = await clusterStatus(cluster);
    await deleteCluster({ name: 'dev', keepData: true });
    const now = await inventory();
    assert.deepEqual({ ...now, files: [], forwarding: '' }, { ...clean, files: [], forwarding: '' });
    await createCluster(options('dev', { workers: 2 }));
    const status = await clusterStatus(await openCluster({ name: 'dev' }));
    assert.deepEqual(
      status.nodes.map((node) => node.running),
      [true, true, true],
    );
    assert.notEqual(status.controlPlane.process?.pid, earlier.controlPlane.process?.pid);
  });

  await t.test('down leaves nothing', async () => {
    await runPause(cluster, 'node1', 'running');
    const child = spawn('sh', ['-c', 'exec "$@"', 'sh', ...Object.values(await execLine(cluster)).flat()], {
      stdio: 'ignore',
    });
    await once(child, 'spawn');
    const gone: ProgressEvent[] = [];
    const began = performance.now();
    await deleteCluster({ name: 'dev', kubeconfig: KUBECONFIG, progress: (event) => gone.push(event) });
    t.diagnostic(`down took ${Math.round(performance.now() - began)} ms`);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    assert.deepEqual(await inventory(), clean);
    assert.doesNotMatch(await readFile(KUBECONFIG, 'utf8'), /pirogue/);
    await deleteCluster({ name: 'dev' }); // again: nothing to do
    assert.deepEqual(await inventory(), clean);
  });
});

/** A long command inside a node, which must go with it. */
async function execLine(
  cluster: Awaited<ReturnType<typeof openCluster>>,
): Promise<{ command: string; args: readonly string[] }> {
  const init = await nodeInit(cluster, 'node1');
  assert.ok(init);
  return nodeCommand(cluster, 'node1', init, ['sleep', '1000']);
}

test('up that is killed anywhere leaves nothing that down does not find', async (t) => {
  const script = `
    import { createCluster } from ${JSON.stringify(new URL('../../src/cluster/cluster.ts', import.meta.url).href)};
    const argv = (file) => (argument) => [process.execPath, ${JSON.stringify(HERE)} + file, argument];
    await createCluster({ name: 'half', workers: 1, readOnlyPaths: [${JSON.stringify(PROJECT)}],
      commands: { controlPlane: argv('control-plane.ts'), agent: argv('agent.ts') } });
    process.exit(0);`;
  const file = `${process.env['PIROGUE_MACHINE']}/up.ts`;
  await writeFile(file, script);
  t.after(() => rm(file));
  // The whole takes about a second; every part of it is hit by some of these.
  for (let ms = 60; ms <= 900; ms += 70) {
    const child = spawn(process.execPath, [file], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    await delay(ms);
    child.kill('SIGKILL');
    await exited;
    await deleteCluster({ name: 'half' });
    // What was started an instant before the kill ends by itself when it finds its cgroup gone.
    await eventually(
      `nothing is left of an up killed after ${ms} ms`,
      async () => JSON.stringify(await inventory()) === JSON.stringify(clean),
    ).catch(async () => assert.deepEqual(await inventory(), clean, `killed after ${ms} ms`));
  }
});

test('an up that was killed is finished by the next', async () => {
  const cluster = await (async () => {
    await createCluster(options('half'));
    return await openCluster({ name: 'half' });
  })();
  // As if the power had been cut: all dead, the identities of the dead in the files.
  const status = await clusterStatus(cluster);
  for (const pid of [
    ...status.nodes.map((node) => node.init?.pid),
    status.controlPlane.supervisor?.pid,
    status.controlPlane.process?.pid,
  ]) {
    assert.ok(pid);
    const identity = await processIdentity(pid);
    process.kill(pid, 'SIGKILL');
    assert.ok(identity);
    await eventually('the process is gone', async () => !(await isAlive(identity)));
  }
  await createCluster(options('half'));
  assert.equal(
    (await clusterStatus(cluster)).nodes.every((node) => node.running),
    true,
  );
  assert.equal(await startControlPlane(cluster, options('half').commands), false);
  await deleteCluster({ name: 'half' });
  assert.deepEqual(await inventory(), clean);
});

test('a link of somebody else with our bridge’s name is left alone', async (t) => {
  await run('ip', ['link', 'add', 'pir-half', 'type', 'bridge']);
  await run('ip', ['addr', 'add', '10.9.9.1/24', 'dev', 'pir-half']);
  t.after(() => run('ip', ['link', 'del', 'pir-half']));
  await assert.rejects(createCluster(options('half')), /has a link pir-half that is not this cluster's/);
  await deleteCluster({ name: 'half' });
  assert.ok((await listLinks()).some((link) => link.name === 'pir-half'));
});

function mib(bytes: number | undefined): string {
  return bytes === undefined ? '?' : (bytes / 2 ** 20).toFixed(1);
}

function report(t: TestContext, events: readonly ProgressEvent[]): void {
  const steps = events
    .filter((event) => event.state !== 'start')
    .map((event) => `${event.step} ${Math.round(event.ms)}`);
  t.diagnostic(`up, ms: ${steps.join(', ')}`);
}
