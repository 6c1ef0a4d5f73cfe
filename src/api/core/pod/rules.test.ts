import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../../field-error.ts';
import type { Container, PodSpec, Volume } from '../../generated/core.v1.ts';
import { created, errors, make, statusErrors } from '../../testdata/kinds.ts';
import { PersistentVolume } from '../volume/persistentvolume.ts';
import { Pod } from '../pod.ts';

const container = (more: Partial<Container> = {}): Container => ({ name: 'c', image: 'nginx', ...more });
const pod = (spec: Partial<PodSpec> = {}, metadata: object = {}): object => ({
  metadata,
  spec: { containers: [container()], ...spec },
});
const wrong = (spec: Partial<PodSpec>, metadata: object = {}): string[] => errors(Pod, pod(spec, metadata));
const wrongVolume = (source: Partial<Volume>): string[] =>
  wrong({ volumes: [{ name: 'v', ...source }] }).map((text) => text.replace('spec.volumes[0].', ''));

test('iSCSI names have forms, its numbers a range and its passwords a secret', () => {
  const iscsi = { targetPortal: '10.0.0.1:3260', iqn: 'iqn.2026-01.example.com:disk', lun: 0 };
  assert.deepEqual(wrongVolume({ iscsi }), []);
  assert.deepEqual(
    wrongVolume({ iscsi: { ...iscsi, iqn: 'disk', lun: 256, chapAuthSession: true, initiatorName: 'eui.short' } }),
    [
      'iscsi.iqn: Invalid value: "disk": must be valid format starting with iqn, eui, or naa',
      'iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive',
      'iscsi.secretRef: Required value',
      'iscsi.initiatorname: Invalid value: "eui.short": must be valid format',
    ],
  );
  assert.deepEqual(wrongVolume({ iscsi: { ...iscsi, iqn: 'iqn.x' } }), [
    'iscsi.iqn: Invalid value: "iqn.x": must be valid format',
  ]);
});

test('old kinds of volumes keep their rules', () => {
  assert.deepEqual(wrongVolume({ fc: { targetWWNs: ['a'], wwids: ['b'], lun: 300 } }), [
    'fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously',
    'fc.lun: Invalid value: 300: must be between 0 and 255, inclusive',
  ]);
  assert.deepEqual(wrongVolume({ quobyte: { registry: 'r:1,s', volume: '' } }), [
    'quobyte.registry: Invalid value: "r:1,s": must be a host:port pair or multiple pairs separated by commas',
    'quobyte.volume: Required value',
  ]);
  assert.deepEqual(wrongVolume({ azureDisk: { diskName: 'd', diskURI: '/x', kind: 'Big', cachingMode: 'All' } }), [
    'azureDisk.cachingMode: Unsupported value: "All": supported values: "None", "ReadOnly", "ReadWrite"',
    'azureDisk.kind: Unsupported value: "Big": supported values: "Dedicated", "Managed", "Shared"',
    'azureDisk.diskURI: Unsupported value: "/x": supported values: "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"',
  ]);
  assert.deepEqual(wrongVolume({ flexVolume: { driver: 'd', options: { 'a.k8s.io/x': '', ok: '' } } }), [
    'flexVolume.options[a.k8s.io/x]: Invalid value: "a.k8s.io/x": kubernetes.io and k8s.io namespaces are reserved',
  ]);
  assert.deepEqual(
    wrongVolume({ emptyDir: {}, cephfs: { monitors: ['m'] }, downwardAPI: {} }),
    [
      'downwarAPI: Forbidden: may not specify more than 1 volume type',
      'cephFS: Forbidden: may not specify more than 1 volume type',
    ].toSorted((a, b) => (a < b ? -1 : 1)),
  );
});

test('a claim made for a pod is asked what a claim is asked', () => {
  const ephemeral = {
    volumeClaimTemplate: { metadata: { name: 'x', labels: { a: 'b' } }, spec: { accessModes: ['ReadWriteOnce'] } },
  };
  assert.deepEqual(wrongVolume({ ephemeral }), [
    'ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set',
    'ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value',
  ]);
});

test('persistent volumes have the same rules, with words of their own', () => {
  const volume = (source: object): string[] =>
    errors(PersistentVolume, { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], ...source } });
  assert.deepEqual(volume({ local: { path: '/d' } }), [
    'spec.nodeAffinity: Required value: Local volume requires node affinity',
  ]);
  assert.deepEqual(volume({ iscsi: { targetPortal: 'p', iqn: 'x', lun: 0, secretRef: {} } }), [
    'spec.iscsi.iqn: Invalid value: "x": must be valid format',
    'spec.iscsi.secretRef.name: Required value',
  ]);
  assert.deepEqual(
    volume({ csi: { driver: 'd', volumeHandle: 'h', nodePublishSecretRef: { name: 'A', namespace: '' } } })[1],
    'spec.csi.nodePublishSecretRef.namespace: Required value',
  );
});

test('image volumes may be mounted in part', () => {
  const mounted = container({ volumeMounts: [{ name: 'v', mountPath: '/m', subPath: 'sub' }] });
  assert.deepEqual(wrong({ containers: [mounted], volumes: [{ name: 'v', image: { reference: 'i' } }] }), []);
});

test('a host name of its own fits neither the node nor a long one', () => {
  assert.deepEqual(wrong({ hostnameOverride: 'a.b', setHostnameAsFQDN: true, hostNetwork: true }), [
    'spec.hostnameOverride: Forbidden: may not be specified when setHostnameAsFQDN is true',
    'spec.hostnameOverride: Forbidden: may not be specified when hostNetwork is true',
  ]);
  assert.deepEqual(wrong({ hostnameOverride: 'a'.repeat(65) }), [
    'spec.hostnameOverride: Too long: may not be more than 64 bytes',
  ]);
});

test('pods of Windows have nothing of Linux, and the other way round', () => {
  assert.deepEqual(
    wrong({
      os: { name: 'windows' },
      hostPID: true,
      securityContext: { fsGroup: 1, runAsUser: 1 },
      containers: [container({ securityContext: { privileged: true } })],
      resources: { limits: { cpu: '1' } },
    }),
    [
      'spec.resources: Forbidden: may not be set for a windows pod',
      'spec.hostPID: Forbidden: cannot be set for a windows pod',
      'spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod',
      'spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod',
      'spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod',
    ],
  );
  const windowsOptions = { runAsUserName: 'a\\b\\c', hostProcess: true };
  assert.deepEqual(wrong({ os: { name: 'linux' }, securityContext: { windowsOptions } }), [
    'spec.securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash',
    'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
    'spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod',
  ]);
});

test('rules of restarting name an action and exit codes', () => {
  const rules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }, { action: 'Reboot' }];
  assert.deepEqual(wrong({ containers: [container({ restartPolicyRules: rules })] }), [
    'spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used',
    'spec.containers[0].restartPolicyRules[1].action: Unsupported value: "Reboot": supported values: "Restart", "RestartAllContainers"',
    'spec.containers[0].restartPolicyRules[1].exitCodes: Required value: must be specified',
  ]);
});

test('variables from files need an emptyDir', () => {
  const env = [{ name: 'A', valueFrom: { fileKeyRef: { key: 'K', path: 'f', volumeName: 'v' } } }];
  const spec = { containers: [container({ env })] };
  assert.deepEqual(wrong({ ...spec, volumes: [{ name: 'v', emptyDir: {} }] }), []);
  assert.deepEqual(wrong(spec), ['spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Not found: "v"']);
  assert.deepEqual(wrong({ ...spec, volumes: [{ name: 'v', configMap: { name: 'c' } }] }), [
    'spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Invalid value: "v": referenced volume must be of type emptyDir',
  ]);
});

test('profiles in annotations agree with the fields, and become them', () => {
  const annotations = {
    'seccomp.security.alpha.kubernetes.io/pod': 'strict',
    'container.apparmor.security.beta.kubernetes.io/d': 'localhost/x',
  };
  assert.deepEqual(wrong({ securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }, { annotations }), [
    'metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "strict": must be a valid seccomp profile',
    'metadata.annotations[container.apparmor.security.beta.kubernetes.io/d]: Invalid value: "d": container not found',
    'spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match',
  ]);
  const synced = created(
    Pod,
    pod({}, { annotations: { 'container.apparmor.security.beta.kubernetes.io/c': 'localhost/x' } }),
  );
  assert.deepEqual(synced.spec.containers[0]!.securityContext, {
    appArmorProfile: { type: 'Localhost', localhostProfile: 'x' },
  });
  assert.deepEqual(Pod.warnings!(synced, undefined), [
    'metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead',
  ]);
});

test('fields behind gates that are off are dropped from new pods only', () => {
  const spec = {
    containers: [container({ lifecycle: { stopSignal: 'SIGUSR1' } })],
    schedulingGroup: { podGroupName: 'g' },
    volumes: [
      {
        name: 'v',
        projected: { sources: [{ clusterTrustBundle: { name: 'b', path: 'p' } }, { configMap: { name: 'c' } }] },
      },
    ],
  } as Partial<PodSpec>;
  const made = created(Pod, pod(spec));
  assert.equal(made.spec.containers[0]!.lifecycle, undefined);
  assert.equal(made.spec.schedulingGroup, undefined);
  assert.deepEqual(made.spec.volumes![0]!.projected!.sources, [{}, { configMap: { name: 'c' } }]);
  const [now, old] = [make(Pod, pod(spec)), make(Pod, pod(spec))];
  Pod.prepareForUpdate!(now, old);
  assert.deepEqual(now.spec, old.spec);
});

test('addresses are written in one way', () => {
  const aliases = (ip: string): string[] => wrong({ hostAliases: [{ ip }] });
  assert.deepEqual(aliases('10.0.0.1'), []);
  assert.deepEqual(aliases('010.0.0.1'), [
    'spec.hostAliases[0].ip: Invalid value: "010.0.0.1": must not have leading 0s',
  ]);
  assert.deepEqual(aliases('::ffff:10.0.0.1'), [
    'spec.hostAliases[0].ip: Invalid value: "::ffff:10.0.0.1": must not be an IPv4-mapped IPv6 address',
  ]);
  assert.deepEqual(aliases('1.2.3'), [
    'spec.hostAliases[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ]);
});

test('a container comes back from its end only where something restarts it', () => {
  const ended = { name: 'c', state: { terminated: { exitCode: 3 } } };
  const back = (spec: Partial<PodSpec>): string[] =>
    statusErrors(
      Pod,
      { ...pod(spec), status: { containerStatuses: [{ name: 'c', state: { running: {} } }] } },
      { ...pod(spec), status: { containerStatuses: [ended] } },
    );
  assert.deepEqual(back({}), []);
  assert.deepEqual(back({ restartPolicy: 'Never' }), [
    'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
  ]);
  const withRule = (operator: string): Partial<PodSpec> => ({
    restartPolicy: 'Never',
    containers: [
      container({
        restartPolicy: 'Never',
        restartPolicyRules: [{ action: 'Restart', exitCodes: { operator, values: [3] } }],
      }),
    ],
  });
  assert.deepEqual(back(withRule('In')), []);
  assert.equal(back(withRule('NotIn')).length, 1);
});

test('the status of a pod names what its spec has', () => {
  const status = {
    observedGeneration: -1,
    nominatedNodeName: 'other',
    resourceClaimStatuses: [{ name: 'gpu' }],
    containerStatuses: [
      {
        name: 'c',
        user: { linux: { uid: -1, gid: 0 } },
        allocatedResourcesStatus: [{ name: 'example.com/gpu', resources: [{ resourceID: 'a', health: 'Fine' }] }],
      },
    ],
  };
  assert.deepEqual(statusErrors(Pod, { ...pod({ nodeName: 'n' }), status }, pod({ nodeName: 'n' })), [
    'status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node',
    'status.observedGeneration: Invalid value: -1: must be a non-negative integer',
    'status.resourceClaimStatuses[0].name: Invalid value: "gpu": must match the name of an entry in `spec.resourceClaims`',
    'status.containerStatuses[0].user.linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    'status.containerStatuses[0].allocatedResourcesStatus[0].name: Invalid value: "example.com/gpu": must match one of the container\'s resource requests',
    'status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health: Unsupported value: "Fine": supported values: "Healthy", "Unhealthy", "Unknown"',
  ]);
});

test('a resize changes sizes of the pod too, and takes nothing away', () => {
  const resize = (now: Partial<PodSpec>, old: Partial<PodSpec>): string[] => {
    const [next, before] = [make(Pod, pod(now)), created(Pod, pod(old))];
    const { resize: strategy } = Pod.parts!;
    strategy!.prepareForUpdate(next, before, { nowMs: 0 });
    return strategy!.validateUpdate!(next, before).map(fieldErrorText);
  };
  const sized = (cpu: string, more: object = {}): Partial<PodSpec> => ({
    containers: [container({ resources: { requests: { cpu, memory: '1Mi' }, ...more } })],
  });
  assert.deepEqual(resize(sized('2'), sized('1')), []);
  assert.deepEqual(resize({ containers: [container({ resources: { requests: { cpu: '1' } } })] }, sized('1')), [
    'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
  ]);
  const level = (cpu: string): Partial<PodSpec> => ({ resources: { requests: { cpu }, limits: { cpu: '4' } } });
  assert.deepEqual(resize(level('2'), level('1')), []);
  assert.deepEqual(resize({}, level('1')).at(-1), 'spec.resources: Forbidden: pod-level resources cannot be removed');
  assert.deepEqual(resize({ containers: [container({ name: 'd' })] }, {}), [
    'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
  ]);
});
