/**
 * The API server, controllers and scheduler as the kubectls people have see them: the one on the PATH, and the oldest and newest of those beside it.
 * KUBECTLS names more, separated by colons; KUBECTL_VERSIONS=all takes every one there is. Pods are only said to run.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { allKinds } from '#api';
import { startTestControlPlane } from '#testing';

const COMMAND_TIMEOUT_MS = 60_000;
/** The node that is emptied; the other one takes what was on it. */
const NODE = 'node-2';

const directory = await mkdtemp(join(tmpdir(), 'kubectl-versions-'));
const plane = await startTestControlPlane({ directory, nodes: ['node-1', NODE] });
after(async () => {
  await plane[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One kubectl, working in a namespace of its own. */
class Kubectl {
  readonly path: string;
  readonly minor: number;
  readonly namespace: string;
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(path: string, minor: number) {
    this.path = path;
    this.minor = minor;
    this.namespace = `v1-${minor}`;
    // Each has a cache of its own.
    this.#env = { ...process.env, KUBECONFIG: plane.kubeconfig, HOME: join(directory, `home-${minor}`), TZ: 'UTC' };
  }

  /** Runs to the end, however that is. */
  async run(args: readonly string[], { input, env }: RunOptions = {}): Promise<Result> {
    const { promise, resolve } = Promise.withResolvers<Result>();
    const options = { env: { ...this.#env, ...env }, timeout: COMMAND_TIMEOUT_MS, maxBuffer: 1 << 26 };
    const child = execFile(this.path, ['-n', this.namespace, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.end(input);
    return await promise;
  }

  /** Runs and must succeed; returns what it printed. */
  async ok(words: string | readonly string[], options: RunOptions = {}): Promise<string> {
    const args = typeof words === 'string' ? words.split(' ') : words;
    const { code, stdout, stderr } = await this.run(args, options);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}`);
    return stdout;
  }

  /** Runs and must fail; returns what it complained of. */
  async fails(words: string, options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(words.split(' '), options);
    assert.ok(code > 0, `kubectl ${words}: exit code ${code}\n${stderr}${stdout}`);
    return stderr;
  }

  /** A JSON path of an object, as text. */
  async field(object: string, path: string): Promise<string> {
    return await this.ok(['get', ...object.split(' '), '-o', `jsonpath=${path}`]);
  }

  start(words: string): ChildProcess {
    const args = ['-n', this.namespace, ...words.split(' ')];
    return spawn(this.path, args, {
      env: { ...this.#env },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: COMMAND_TIMEOUT_MS,
    });
  }
}

async function findKubectls(): Promise<readonly Kubectl[]> {
  const own = await Promise.all(
    (process.env['PATH'] ?? '').split(':').map((folder) => realpath(join(folder, 'kubectl')).catch(() => undefined)),
  );
  const onPath = own.filter((path) => path !== undefined);
  const beside = await Promise.all(
    [...new Set(onPath.map((path) => dirname(path)))].map(async (folder) =>
      (await readdir(folder)).filter((name) => /^kubectl(?:\.1\.\d+)?$/.test(name)).map((name) => join(folder, name)),
    ),
  );
  const named = (process.env['KUBECTLS'] ?? '').split(':').filter((path) => path !== '');
  const byMinor = new Map<number, string>();
  for (const path of [...onPath.slice(0, 1), ...named, ...beside.flat()]) {
    const { promise, resolve } = Promise.withResolvers<string>();
    execFile(path, ['version', '--client', '-o', 'json'], (_error, stdout) => resolve(stdout));
    const minor = Number(/"minor": "(\d+)/.exec(await promise)?.[1]);
    if (minor > 0 && !byMinor.has(minor)) byMinor.set(minor, path);
  }
  const first = [...byMinor.keys()][0];
  const minors = [...byMinor.keys()].toSorted((a, b) => a - b);
  const chosen = minors.filter(
    (minor) =>
      process.env['KUBECTL_VERSIONS'] === 'all' ||
      [first, minors.at(0), minors.at(-1)].includes(minor) ||
      named.includes(byMinor.get(minor)!),
  );
  return chosen.map((minor) => new Kubectl(byMinor.get(minor)!, minor));
}

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: { app: web, tier: front }
  annotations: { note: first }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: example.test/web:1
          ports: [{ containerPort: 80 }]
          env: [{ name: COLOUR, value: blue }, { name: SIZE, value: big }]
        - name: side
          image: example.test/side:1
`;

async function discovery(k: Kubectl): Promise<void> {
  const version = JSON.parse(await k.ok('version -o json')) as { serverVersion: { gitVersion: string } };
  assert.equal(version.serverVersion.gitVersion, 'v1.36.0');
  const resources = await k.ok('api-resources --verbs=list');
  for (const line of [/^pods +po +v1 +true +Pod$/m, /^deployments +deploy +apps\/v1 +true +Deployment$/m])
    assert.match(resources, line);
  assert.match(await k.ok('api-resources --namespaced=false -o name'), /^nodes$/m);
  assert.match(await k.ok('api-versions'), /^apps\/v1$/m);
  assert.match(await k.ok('cluster-info'), /https:\/\/127\.0\.0\.1/);
}

async function explain(k: Kubectl): Promise<void> {
  for (const { plural, group, version } of allKinds) {
    const args = ['explain', plural, '--recursive', `--api-version=${group === '' ? version : `${group}/${version}`}`];
    assert.match(await k.ok(args), /^FIELDS:\n[^]*^\s+apiVersion\t<string>/m, plural);
  }
  assert.match(
    await k.ok('explain deployment.spec.template.spec.containers.ports'),
    /containerPort\t<integer> -required-/,
  );
  assert.match(await k.fails('explain pod.spec.nothing'), /field "nothing" does not exist/);
  if (k.minor >= 27)
    assert.match(await k.ok('explain pod.spec.containers --output plaintext-openapiv2'), /^ +image\t<string>/m);
}

async function create(k: Kubectl): Promise<void> {
  await k.ok(`create namespace ${k.namespace}`);
  await k.ok('create configmap settings --from-literal=a=1 --from-literal=b=2');
  await k.ok('create secret generic password --from-literal=word=swordfish');
  await k.ok('create secret docker-registry pull --docker-server=r.test --docker-username=u --docker-password=p');
  await k.ok('create serviceaccount robot');
  await k.ok('create deployment tiny --image=example.test/tiny:1 --replicas=1 --port=8080');
  await k.ok('create service clusterip plain --tcp=80:8080');
  await k.ok('create service nodeport open --tcp=80:8080');
  assert.equal(await k.field('configmap settings', '{.data.b}'), '2');
  assert.equal(await k.field('secret password', '{.data.word}'), Buffer.from('swordfish').toString('base64'));
  assert.equal(await k.field('secret pull', '{.type}'), 'kubernetes.io/dockerconfigjson');
  assert.match(await k.field('service plain', '{.spec.clusterIP}'), /^10\.\d+\.\d+\.\d+$/);
  assert.match(await k.field('service open', '{.spec.ports[0].nodePort}'), /^3\d{4}$/);
  assert.match(await k.fails('create configmap settings'), /configmaps "settings" already exists/);
  assert.match(await k.ok('create configmap dry --dry-run=server -o name'), /^configmap\/dry$/m);
  assert.match(await k.fails('get configmap dry'), /configmaps "dry" not found/);
  await k.ok('rollout status deployment/tiny --timeout=30s');
}

async function apply(k: Kubectl): Promise<void> {
  const applied = (input: string, ...more: string[]): Promise<string> => k.ok(['apply', '-f', '-', ...more], { input });
  assert.match(await applied(DEPLOYMENT), /^deployment.apps\/web created$/m);
  assert.match(await applied(DEPLOYMENT), /^deployment.apps\/web unchanged$/m);
  const next = DEPLOYMENT.replace('web:1', 'web:2')
    .replace(', { name: SIZE, value: big }', '')
    .replace(', tier: front', '');
  assert.match(await applied(next, '--dry-run=server'), /^deployment.apps\/web configured \(server dry run\)$/m);
  const differs = await k.run(['diff', '-f', '-'], { input: next });
  assert.equal(differs.code, 1, differs.stderr);
  assert.match(differs.stdout, /^-\s+image: example\.test\/web:1$/m);
  assert.match(differs.stdout, /^\+\s+image: example\.test\/web:2$/m);
  assert.match(await applied(next), /^deployment.apps\/web configured$/m);
  assert.equal((await k.run(['diff', '-f', '-'], { input: next })).code, 0);
  assert.equal(
    await k.field('deployment web', '{.spec.template.spec.containers[*].image}'),
    'example.test/web:2 example.test/side:1',
  );
  assert.equal(await k.field('deployment web', '{.spec.template.spec.containers[0].env[*].name}'), 'COLOUR');
  assert.equal(await k.field('deployment web', '{.metadata.labels}'), '{"app":"web"}');
  assert.match(
    await k.fails('apply -f -', { input: next.replace('replicas:', 'replicass:') }),
    /unknown field "(?:spec\.)?replicass"/,
  );
  assert.match(
    await k.fails('apply -f -', { input: next.replace('replicas: 2', 'replicas: -1') }),
    /must be greater than or equal to 0/,
  );
  const odd = await k.run(['apply', '--validate=false', '-f', '-'], { input: next.replace('replicas:', 'replicass:') });
  assert.equal(odd.code, 0, odd.stderr);
  assert.equal(await k.field('deployment web', '{.spec.replicas}'), '1');
  await applied(next);
  await k.ok('rollout status deployment/web --timeout=30s');
}

async function get(k: Kubectl): Promise<void> {
  const table = await k.ok('get pods -l app=web');
  assert.match(table, /^NAME +READY +STATUS +RESTARTS +AGE$/m);
  assert.match(table, /^web-\w+-\w+ +2\/2 +Running +0 +\d+s$/m);
  assert.match(await k.ok('get pods -o wide'), /^NAME .* IP +NODE +NOMINATED NODE +READINESS GATES *$/m);
  assert.match(
    await k.ok('get deployment web -o wide'),
    /web,side +example\.test\/web:2,example\.test\/side:1 +app=web/,
  );
  assert.match(await k.ok('get deployment web -o yaml'), /^kind: Deployment$/m);
  const list = JSON.parse(await k.ok('get pods,services -o json')) as { kind: string; items: { kind: string }[] };
  assert.deepEqual([list.kind, new Set(list.items.map(({ kind }) => kind))], ['List', new Set(['Pod', 'Service'])]);
  assert.match(
    await k.ok(['get', 'pods', '-o', 'custom-columns=N:.metadata.name,I:.spec.containers[0].image']),
    /^N +I\n(?:\S+ +example\.test\S+\n)+$/,
  );
  assert.match(await k.ok('get pods --field-selector=status.phase=Running -o name'), /^pod\/web-/m);
  assert.equal(await k.ok('get pods --field-selector=status.phase=Failed -o name'), '');
  assert.match(await k.ok('get pods --field-selector=spec.nodeName!=nowhere -o name'), /^pod\/web-/m);
  assert.match(await k.fails('get pods --field-selector=spec.nothing=1'), /field label not supported: spec\.nothing/);
  assert.equal(await k.ok(['get', 'pods', '-l', 'app in (web),tier', '-o', 'name']), '');
  const names = (await k.ok('get services --sort-by=.metadata.name --no-headers')).match(/^\S+/gm);
  assert.deepEqual(names, ['open', 'plain']);
  assert.match(await k.ok('get services -A'), /^default +kubernetes +ClusterIP/m);
  assert.match(await k.ok('get all'), /^deployment\.apps\/web/m);
  assert.match(await k.ok('get all --show-labels -l app=web'), /pod-template-hash=/);
  assert.match(await k.ok('get nodes -o wide'), /^node-1 +Ready +control-plane .*containerd:\/\/2\.0\.0 *$/m);
  assert.match(await k.ok('get ns,cm,secrets,sa,ep,ev,no,rs,lease,endpointslices -A -o name'), /^node\/node-1$/m);
  assert.match(await k.ok('get --raw /readyz'), /^ok$/);
  assert.match(await k.fails('get widgets'), /the server doesn't have a resource type "widgets"/);
  assert.equal(await k.ok('get pod absent --ignore-not-found'), '');
  assert.match(await k.ok(['get', 'pods', '-o', 'go-template={{range .items}}{{.metadata.name}} {{end}}']), /web-/);
  assert.match(await k.ok('get pods --chunk-size=1 -o name'), /tiny-[^]*web-/);
}

async function watch(k: Kubectl): Promise<void> {
  const child = k.start('get configmaps -w --field-selector=metadata.name=settings -o jsonpath={.data.a}{"\\n"}');
  let seen = '';
  const lines = new Promise<void>((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
      if (/^2$/m.test(seen)) resolve();
    });
  });
  await k.ok(['patch', 'configmap', 'settings', '-p', '{"data":{"a":"2"}}']);
  await Promise.race([lines, once(child, 'close')]);
  child.kill();
  assert.match(seen, /^2$/m);
  const table = await k.ok('get pods --watch --request-timeout=1s');
  assert.match(table, /^NAME +READY/m);
}

async function describeObjects(k: Kubectl): Promise<void> {
  const pod = (await k.ok('get pods -l app=web -o name')).split('\n')[0]!;
  const shown = await k.ok(['describe', pod]);
  for (const line of [
    /^Status: +Running$/m,
    /^Controlled By: +ReplicaSet\/web-/m,
    /^QoS Class: +BestEffort$/m,
    /Scheduled/,
  ])
    assert.match(shown, line);
  assert.match(await k.ok('describe deployment web'), /ScalingReplicaSet[^]*Scaled up replica set web-/);
  assert.match(await k.ok('describe service plain'), /^TargetPort: +8080\/TCP$/m);
  assert.match(await k.ok(`describe node node-1`), /^Non-terminated Pods: +\(\d+ in total\)$/m);
  assert.match(await k.ok(`describe namespace ${k.namespace}`), /^Status: +Active$/m);
  await k.ok('describe configmaps,secrets,serviceaccounts,endpoints,replicasets,leases');
  if (k.minor >= 21) await k.ok('describe endpointslices'); // before, it asks for a version that is gone
}

async function change(k: Kubectl): Promise<void> {
  await k.ok('label deployment web colour=red');
  assert.match(await k.fails('label deployment web colour=blue'), /already has a value|--overwrite is false/);
  await k.ok('label deployment web colour=blue --overwrite');
  await k.ok('label deployment web colour-');
  await k.ok('annotate deployment web note=second --overwrite');
  assert.equal(await k.field('deployment web', '{.metadata.annotations.note} {.metadata.labels.colour}'), 'second ');
  await k.ok([
    'patch',
    'deployment',
    'web',
    '-p',
    '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"example.test/side:2"}]}}}}',
  ]);
  await k.ok(['patch', 'deployment', 'web', '--type=merge', '-p', '{"spec":{"minReadySeconds":1}}']);
  await k.ok(['patch', 'deployment', 'web', '--type=json', '-p', '[{"op":"remove","path":"/spec/minReadySeconds"}]']);
  assert.equal(
    await k.field('deployment web', '{.spec.template.spec.containers[*].image} {.spec.minReadySeconds}'),
    'example.test/web:2 example.test/side:2 ',
  );
  const editor = join(directory, 'editor.sh');
  await writeFile(editor, '#!/bin/sh\nsed -i "s/note: second/note: third/" "$1"\n', { mode: 0o755 });
  assert.match(await k.ok('edit deployment web', { env: { KUBE_EDITOR: editor } }), /web edited/);
  assert.equal(await k.field('deployment web', '{.metadata.annotations.note}'), 'third');
  await k.ok('scale deployment web --replicas=3 --current-replicas=2');
  assert.match(
    await k.fails('scale deployment web --replicas=4 --current-replicas=2'),
    /Expected replicas to be 2, was 3/,
  );
  await k.ok('set image deployment/web web=example.test/web:3');
  await k.ok('set env deployment/web COLOUR=green');
  await k.ok('set resources deployment/web -c=web --limits=cpu=100m,memory=64Mi');
  await k.ok('set serviceaccount deployment web robot');
  assert.match(await k.ok('set env deployment/web --list'), /COLOUR=green/);
  const replaced = (await k.ok('get configmap settings -o json')).replace('"b": "2"', '"b": "3"');
  await k.ok('replace -f -', { input: replaced });
  assert.match(await k.fails('replace -f -', { input: replaced }), /the object has been modified/);
  await k.ok('rollout status deployment/web --timeout=30s');
}

async function rollout(k: Kubectl): Promise<void> {
  assert.match(await k.ok('rollout history deployment/web'), /^REVISION +CHANGE-CAUSE\n(?:\d+ +.*\n){2,}/m);
  assert.match(await k.ok('rollout history deployment/web --revision=1'), /Image:\s+example\.test\/web:1/);
  await k.ok('rollout undo deployment/web --to-revision=1');
  await k.ok('rollout status deployment/web --timeout=30s');
  assert.match(
    await k.field('deployment web', '{.spec.template.spec.containers[*].image}'),
    /web:1 example\.test\/side:1$/,
  );
  await k.ok('rollout pause deployment/web');
  assert.match(await k.fails('rollout pause deployment/web'), /already paused/);
  assert.match(await k.fails('rollout restart deployment/web'), /can't restart paused deployment/);
  await k.ok('rollout resume deployment/web');
  const before = await k.field('deployment web', '{.metadata.annotations.deployment\\.kubernetes\\.io/revision}');
  await k.ok('rollout restart deployment/web');
  await k.ok('rollout status deployment/web --timeout=30s');
  const now = await k.field('deployment web', '{.metadata.annotations.deployment\\.kubernetes\\.io/revision}');
  assert.ok(Number(now) > Number(before), `${before} ${now}`);
}

async function expose(k: Kubectl): Promise<void> {
  await k.ok('expose deployment web --port=80 --target-port=80 --name=front');
  assert.equal(await k.field('service front', '{.spec.selector}'), '{"app":"web"}');
  const overrides = JSON.stringify({ apiVersion: 'v1', spec: { nodeName: NODE } });
  await k.ok(['run', 'alone', '--image=example.test/alone:1', '--labels=app=alone', `--overrides=${overrides}`]);
  await k.ok('wait --for=condition=Ready pod/alone --timeout=30s');
  assert.match(await k.fails('wait --for=condition=Nothing pod/alone --timeout=1s'), /timed out waiting/);
  if (k.minor >= 23) await k.ok('wait --for=jsonpath={.status.phase}=Running pod/alone --timeout=30s');
  await k.ok('wait --for=condition=Available deployment/web --timeout=30s');
  assert.match(await k.ok('get endpoints front'), /^front +(?:10\.244\.\d+\.\d+:80,?)+/m);
  const pod = (await k.ok('get pods -l app=web -o name')).split('\n')[0]!.replace('pod/', '');
  assert.match(await k.ok(`get events --field-selector=involvedObject.name=${pod}`), /Scheduled +pod\/web-/);
  if (k.minor >= 26) assert.match(await k.ok(`events --for=pod/${pod}`), /Normal +Scheduled +Pod\/web-/);
  // 1.27 asks for versions that were never stable.
  if (k.minor === 27) assert.match(await k.fails('auth whoami'), /the selfsubjectreviews API is not enabled/);
  if (k.minor > 27) assert.match(await k.ok('auth whoami'), /^Username +kubernetes-admin$/m);
  assert.match(await k.fails('top pods'), /Metrics API not available/);
  assert.match(await k.fails('top nodes'), /Metrics API not available/);
}

async function nodes(k: Kubectl): Promise<void> {
  await k.ok(`cordon ${NODE}`);
  assert.match(await k.ok(`get node ${NODE}`), /Ready,SchedulingDisabled/);
  await k.ok(`uncordon ${NODE}`);
  await k.ok(`taint nodes ${NODE} busy=yes:NoSchedule`);
  assert.equal(await k.field(`node ${NODE}`, '{.spec.taints[*].key}'), 'busy');
  await k.ok(`taint nodes ${NODE} busy:NoSchedule-`);
  await k.ok('scale deployment web --replicas=4');
  await k.ok('rollout status deployment/web --timeout=30s');
  assert.match(
    await k.fails(`drain ${NODE} --timeout=10s --pod-selector=app=alone`),
    /declare no controller|not managed by/,
  );
  const drained = await k.ok(`drain ${NODE} --force --ignore-daemonsets --grace-period=0 --timeout=30s`);
  assert.match(drained, /node\/node-2 (?:drained|evicted|deleted)/);
  assert.equal(await k.ok(`get pods -A --field-selector=spec.nodeName=${NODE} -o name`), '');
  await k.ok(`uncordon ${NODE}`);
  await k.ok('rollout status deployment/web --timeout=30s');
}

async function remove(k: Kubectl): Promise<void> {
  await k.ok('run gone --image=example.test/gone:1');
  await k.ok('wait --for=condition=Ready pod/gone --timeout=30s');
  assert.match(await k.ok('delete pod gone --now'), /pod "gone" (?:force )?deleted/);
  assert.match(await k.fails('get pod gone'), /pods "gone" not found/);
  await k.ok('run gone --image=example.test/gone:1');
  await k.ok('delete pod gone --force --grace-period=0');
  assert.match(await k.fails('delete pod gone'), /pods "gone" not found/);
  await k.ok('delete pod gone --ignore-not-found');
  await k.ok('delete configmap settings --wait=false');
  await k.ok('delete deployment -l app=tiny');
  await k.ok('delete deployment web --cascade=foreground --timeout=30s');
  assert.equal(await k.ok('get rs,pods -l app=web -o name'), '');
  await k.ok('delete services --all');
  await k.ok('delete secrets --all');
  assert.equal(await k.ok('get services -o name'), '');
  await k.ok(`delete namespace ${k.namespace} --timeout=30s`);
  assert.match(await k.fails(`get namespace ${k.namespace}`), /not found/);
}

const kubectls = await findKubectls();
if (kubectls.length === 0) throw new Error('there is no kubectl on the PATH');
for (const k of kubectls)
  describe(`kubectl 1.${k.minor}`, () => {
    test('finds its way by discovery', () => discovery(k));
    test('explains every kind', () => explain(k));
    test('creates objects', () => create(k));
    test('applies manifests', () => apply(k));
    test('gets objects in every form', () => get(k));
    test('watches', () => watch(k));
    test('describes objects', () => describeObjects(k));
    test('changes objects', () => change(k));
    test('rolls out', () => rollout(k));
    test('exposes, runs and waits', () => expose(k));
    test('empties nodes', () => nodes(k));
    test('deletes objects', () => remove(k));
  });
test('nothing failed behind the scenes', () => {
  // Writing over another's change is refused and tried again: how controllers work.
  assert.deepEqual(
    plane.complaints.filter((text) => !text.includes('"reason":"Conflict"')),
    [],
  );
});
