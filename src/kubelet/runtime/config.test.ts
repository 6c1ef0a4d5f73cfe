import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { container, pod } from '../testing/node.ts';
import { containerConfig } from './container-config.ts';
import { sandboxConfig } from './sandbox-config.ts';
import { containerSecurity, verifyRunAsNonRoot } from './security.ts';
import { terminationMessage } from './termination-message.ts';

const sandboxContext = {
  attempt: 1,
  logDirectory: '/var/log/pods/default_p_p-uid',
  cgroupParent: '/r/kubepods/besteffort/podp-uid',
  dns: { servers: ['10.96.0.10'], searches: ['a'], options: ['ndots:5'] },
  hostname: { hostname: 'p', domain: '' },
};

describe('the sandbox of a pod', () => {
  it('is described to the runtime as upstream does', () => {
    const own = pod(
      'p',
      {
        shareProcessNamespace: true,
        securityContext: {
          runAsUser: 7,
          runAsGroup: 8,
          fsGroup: 9,
          supplementalGroups: [5],
          sysctls: [{ name: 'net/core/somaxconn', value: '1' }],
        },
        containers: [container('web', { ports: [{ containerPort: 80, hostPort: 8080, hostIP: '1.2.3.4' }] })],
      },
      { labels: { app: 'x' }, annotations: { n: 'v' } },
    );
    assert.deepEqual(sandboxConfig(own, sandboxContext), {
      metadata: { name: 'p', namespace: 'default', uid: 'p-uid', attempt: 1 },
      hostname: 'p',
      log_directory: '/var/log/pods/default_p_p-uid',
      dns_config: sandboxContext.dns,
      port_mappings: [{ protocol: 'TCP', container_port: 80, host_port: 8080, host_ip: '1.2.3.4' }],
      labels: {
        app: 'x',
        'io.kubernetes.pod.name': 'p',
        'io.kubernetes.pod.namespace': 'default',
        'io.kubernetes.pod.uid': 'p-uid',
      },
      annotations: {
        n: 'v',
        'kubernetes.io/config.source': 'api',
        'kubernetes.io/config.seen': '2026-01-01T00:00:00Z',
      },
      linux: {
        cgroup_parent: '/r/kubepods/besteffort/podp-uid',
        security_context: {
          namespace_options: { network: 'POD', ipc: 'POD', pid: 'POD' },
          privileged: false,
          seccomp: { profile_type: 'RuntimeDefault' },
          supplemental_groups: [5, 9],
          run_as_user: { value: 7 },
          run_as_group: { value: 8 },
        },
        sysctls: { 'net.core.somaxconn': '1' },
      },
    });
  });

  it('on the host network has neither a name nor ports of its own', () => {
    const { hostname, port_mappings, linux } = sandboxConfig(
      pod('p', {
        hostNetwork: true,
        hostPID: true,
        hostIPC: true,
        containers: [container('web', { ports: [{ containerPort: 80 }] })],
      }),
      sandboxContext,
    );
    assert.deepEqual([hostname, port_mappings], ['', []]);
    assert.deepEqual(linux?.security_context?.namespace_options, { network: 'NODE', ipc: 'NODE', pid: 'NODE' });
  });
});

describe('a container', () => {
  const context = {
    restartCount: 2,
    imageRef: 'sha256:i',
    imageUser: {},
    environment: new Map([['A', '1']]),
    mounts: [],
    nodeMemoryBytes: 2 ** 32,
    kubeletDir: '/k',
    unifiedCgroups: false,
  };

  it('is described to the runtime as upstream does', () => {
    const web = container('web', {
      command: ['run', '$(A)'],
      args: ['$$(A)', '$(B)'],
      workingDir: '/w',
      tty: true,
      ports: [{ containerPort: 80 }],
      lifecycle: { preStop: { sleep: { seconds: 1 } } },
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
    });
    const config = containerConfig(pod('p', { containers: [web] }), web, context);
    assert.deepEqual(config.metadata, { name: 'web', attempt: 2 });
    assert.deepEqual(config.image, { image: 'sha256:i', user_specified_image: 'nginx:1' });
    assert.deepEqual(
      [config.command, config.args],
      [
        ['run', '1'],
        ['$(A)', '$(B)'],
      ],
    );
    assert.deepEqual(config.envs, [{ key: 'A', value: '1' }]);
    assert.equal(config.log_path, 'web/2.log');
    assert.deepEqual([config.tty, config.stdin, config.stdin_once], [true, false, false]);
    assert.deepEqual(
      { ...config.annotations, 'io.kubernetes.container.hash': '-' },
      {
        'io.kubernetes.container.hash': '-',
        'io.kubernetes.container.restartCount': '2',
        'io.kubernetes.container.terminationMessagePath': '/dev/termination-log',
        'io.kubernetes.container.terminationMessagePolicy': 'File',
        'io.kubernetes.pod.terminationGracePeriod': '30',
        'io.kubernetes.container.preStopHandler': '{"sleep":{"seconds":1}}',
        'io.kubernetes.container.ports': '[{"containerPort":80}]',
      },
    );
    assert.equal(config.linux?.resources?.unified, undefined);
  });

  it("gets its rights from its own settings over the pod's", () => {
    const web = container('web', {
      securityContext: {
        runAsUser: 1,
        capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        seccompProfile: { type: 'Localhost', localhostProfile: 'p.json' },
        procMount: 'Unmasked',
      },
    });
    const own = pod('p', { containers: [web], securityContext: { runAsUser: 2, runAsGroup: 3 } });
    assert.deepEqual(containerSecurity(own, web, { image: {}, kubeletDir: '/k' }), {
      run_as_user: { value: 1 },
      run_as_group: { value: 3 },
      privileged: false,
      readonly_rootfs: true,
      no_new_privs: true,
      capabilities: { add_capabilities: ['NET_BIND_SERVICE'], drop_capabilities: ['ALL'] },
      namespace_options: { network: 'POD', ipc: 'POD', pid: 'CONTAINER' },
      supplemental_groups: [],
      seccomp: { profile_type: 'Localhost', localhost_ref: '/k/seccomp/p.json' },
      masked_paths: [],
      readonly_paths: [],
    });
  });

  it('runs as the image says when nobody else does', () => {
    const who = (image: { uid?: number; username?: string }) => {
      const { run_as_user, run_as_username } = containerSecurity(pod('p'), container('web'), {
        image,
        kubeletDir: '/k',
      });
      return [run_as_user, run_as_username];
    };
    assert.deepEqual(who({ uid: 1234 }), [{ value: 1234 }, undefined]);
    assert.deepEqual(who({ username: 'app' }), [undefined, 'app']);
    assert.deepEqual(who({}), [{ value: 0 }, undefined]);
  });

  it('that must not run as root is refused when it might', () => {
    const verify = (rest: object, image: { uid?: number; username?: string }) => () =>
      verifyRunAsNonRoot(
        pod('p', { securityContext: { runAsNonRoot: true } }),
        container('web', { securityContext: rest }),
        image,
      );
    const where = '(pod: "p_default(p-uid)", container: web)';
    assert.throws(verify({ runAsUser: 0 }, {}), { message: `container's runAsUser breaks non-root policy ${where}` });
    assert.throws(verify({}, {}), { message: `container has runAsNonRoot and image will run as root ${where}` });
    assert.throws(verify({}, { username: 'app' }), {
      message: `container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root ${where}`,
    });
    verify({ runAsUser: 5 }, {})();
    verify({}, { uid: 5 })();
    verify({ runAsNonRoot: false }, {})();
  });
});

describe('the last words of a container', () => {
  it('are its file, or the end of its log if it failed and wants that', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'words-'));
    try {
      const hostPath = join(directory, 'message');
      const logPath = join(directory, '0.log');
      await writeFile(hostPath, 'bye');
      const line = (n: number, tag = 'F') => `2026-11-21T08:01:31.87Z stdout ${tag} line ${n}\n`;
      await writeFile(
        logPath,
        `${Array.from({ length: 100 }, (_, n) => line(n)).join('')}${line(100, 'P')}${line(101)}`,
      );
      assert.equal(await terminationMessage({ hostPath, logPath, fallbackToLogs: true }), 'bye');
      await writeFile(hostPath, '');
      assert.equal(await terminationMessage({ hostPath, logPath, fallbackToLogs: false }), '');
      const words = await terminationMessage({ hostPath, logPath, fallbackToLogs: true });
      assert.equal(words.split('\n').length, 81);
      assert.ok(words.endsWith('line 99\nline 100line 101\n'));
      await writeFile(hostPath, 'x'.repeat(5000));
      assert.equal((await terminationMessage({ hostPath, logPath, fallbackToLogs: true })).length, 4096);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
