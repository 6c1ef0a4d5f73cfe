/** Custom resources as the kubectl on the PATH sees them, on a control plane alone. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startTestControlPlane } from '#testing';

const COMMAND_TIMEOUT_MS = 60_000;

const directory = await mkdtemp(join(tmpdir(), 'custom-resources-'));
const plane = await startTestControlPlane({ directory, nodes: ['node-1'] });
after(async () => {
  await plane[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(words: string, input?: string): Promise<Result> {
  const { promise, resolve } = Promise.withResolvers<Result>();
  const env = { ...process.env, KUBECONFIG: plane.kubeconfig, HOME: directory, TZ: 'UTC' };
  const child = execFile('kubectl', words.split(' '), { env, timeout: COMMAND_TIMEOUT_MS }, (error, stdout, stderr) => {
    const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
    resolve({ code, stdout, stderr });
  });
  child.stdin?.end(input);
  return await promise;
}

async function ok(words: string, input?: string): Promise<string> {
  const { code, stdout, stderr } = await run(words, input);
  assert.equal(code, 0, `kubectl ${words}: exit code ${code}\n${stderr}${stdout}`);
  return stdout;
}

async function refused(words: string, input: string): Promise<string> {
  const { code, stderr } = await run(words, input);
  assert.notEqual(code, 0, `kubectl ${words} should have failed`);
  return stderr;
}

const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: crontabs.stable.example.com
spec:
  group: stable.example.com
  scope: Namespaced
  names:
    plural: crontabs
    singular: crontab
    kind: CronTab
    shortNames: [ct]
    categories: [all]
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          description: A command that runs now and then.
          properties:
            spec:
              type: object
              required: [cronSpec]
              x-kubernetes-validations:
                - rule: self.replicas <= self.maxReplicas
                  message: there are too many replicas
              properties:
                cronSpec:
                  type: string
                  description: When it runs.
                  pattern: '^(\\S+ ){4}\\S+$'
                image: { type: string, default: busybox }
                replicas: { type: integer, minimum: 1, default: 1 }
                maxReplicas: { type: integer, default: 5 }
            status:
              type: object
              properties:
                replicas: { type: integer }
                labelSelector: { type: string }
      additionalPrinterColumns:
        - { name: Spec, type: string, jsonPath: .spec.cronSpec, description: When it runs }
        - { name: Replicas, type: integer, jsonPath: .spec.replicas }
        - { name: Image, type: string, jsonPath: .spec.image, priority: 1 }
      selectableFields:
        - jsonPath: .spec.image
      subresources:
        status: {}
        scale:
          specReplicasPath: .spec.replicas
          statusReplicasPath: .status.replicas
          labelSelectorPath: .status.labelSelector
`;

const object = (spec: string, name = 'nightly'): string =>
  `apiVersion: stable.example.com/v1\nkind: CronTab\nmetadata:\n  name: ${name}\nspec: ${spec}\n`;

test('a definition is created, established, explained and listed among the resources', async () => {
  await ok('create -f -', DEFINITION);
  await ok('wait --for=condition=Established crd/crontabs.stable.example.com --timeout=30s');
  const resources = await ok('api-resources --api-group=stable.example.com');
  assert.match(resources, /^crontabs +ct +stable\.example\.com\/v1 +true +CronTab$/m);
  const explained = await ok('explain ct.spec.cronSpec');
  assert.match(explained, /FIELD: cronSpec <string>/);
  assert.match(explained, /When it runs\./);
  assert.match(await ok('explain crontab --recursive'), /maxReplicas\s+<integer>/);
});

test('objects are applied, shown in the columns of the definition and selected', async () => {
  assert.match(
    await ok('apply -f -', object('{ cronSpec: "0 1 * * *" }')),
    /crontab\.stable\.example\.com\/nightly created/,
  );
  assert.match(await ok('apply -f -', object('{ cronSpec: "0 2 * * *" }')), /configured/);
  assert.match(await ok('apply -f -', object('{ cronSpec: "0 2 * * *" }')), /unchanged/);
  const [head = '', row = ''] = (await ok('get ct')).split('\n');
  assert.deepEqual(head.trim().split(/\s{2,}/), ['NAME', 'SPEC', 'REPLICAS']);
  assert.deepEqual(row.trim().split(/\s{2,}/), ['nightly', '0 2 * * *', '1']);
  assert.match(await ok('get ct -o wide'), /IMAGE\n.*busybox/);
  assert.match(await ok('get all'), /crontab\.stable\.example\.com\/nightly/);
  assert.match(await ok('get ct --field-selector spec.image=busybox -o name'), /nightly/);
  assert.equal(await ok('get ct --field-selector spec.image=other -o name'), '');
  const weekly = object('{ cronSpec: "0 1 * * 0" }', 'weekly');
  assert.match(await ok('apply --server-side --field-manager=other -f -', weekly), /serverside-applied/);
  const conflict = await refused('apply --server-side -f -', weekly.replace('0 1 * * 0', '0 9 * * 0'));
  assert.match(conflict, /conflict with "other": \.spec\.cronSpec/);
});

test('what the schema or its rules do not allow is refused with a reason', async () => {
  const unknown = await refused('apply -f -', object('{ cronSpec: "0 1 * * *", colour: red }', 'bad'));
  assert.match(unknown, /strict decoding error: unknown field "spec\.colour"/);
  const missing = await refused('apply -f -', object('{ replicas: 0 }', 'bad'));
  assert.match(missing, /spec\.cronSpec: Required value/);
  assert.match(
    missing,
    /spec\.replicas: Invalid value: 0: spec\.replicas in body should be greater than or equal to 1/,
  );
  const rule = await refused('apply -f -', object('{ cronSpec: "0 1 * * *", replicas: 9 }', 'bad'));
  assert.match(rule, /spec: Invalid value: (?:.*: )?there are too many replicas/);
});

test('scale and status are written on their own', async () => {
  await ok('scale ct nightly --replicas=3');
  assert.equal(await ok('get ct nightly -o jsonpath={.spec.replicas}'), '3');
  await ok('patch ct nightly --subresource=status --type=merge -p {"status":{"replicas":2},"spec":{"replicas":4}}');
  assert.equal(await ok('get ct nightly -o jsonpath={.spec.replicas}/{.status.replicas}'), '3/2');
  assert.equal(await ok('get ct nightly --subresource=scale -o jsonpath={.status.replicas}'), '2');
  assert.match(await ok('describe ct nightly'), /Cron Spec:\s+0 2 \* \* \*/);
  await ok('label ct nightly tier=night');
  assert.match(await ok('get ct -l tier=night -o name'), /nightly/);
});

test('objects go with what owns them, with their namespace, and with their definition', async () => {
  const { uid } = JSON.parse(await ok('get ct nightly -o json')).metadata as { uid: string };
  const owner = `{"metadata":{"ownerReferences":[{"apiVersion":"stable.example.com/v1","kind":"CronTab","name":"nightly","uid":"${uid}"}]}}`;
  await ok('create configmap owned');
  await ok(`patch configmap owned -p ${owner}`);
  await ok('delete ct nightly');
  await ok('wait --for=delete configmap/owned --timeout=30s');
  await ok('create namespace leaving');
  await ok('apply -n leaving -f -', object('{ cronSpec: "0 1 * * *" }'));
  await ok('delete namespace leaving --timeout=30s');
  await ok('apply -f -', object('{ cronSpec: "0 1 * * *" }'));
  await ok('delete crd crontabs.stable.example.com --timeout=30s');
  const { stderr } = await run('get crontabs');
  // What kubectl remembers of discovery may be some seconds old.
  assert.match(stderr, /the server doesn't have a resource type "crontabs"|could not find the requested resource/);
  assert.deepEqual(plane.complaints, []);
});
