import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  detectMachine,
  type Machine,
  parseCapabilities,
  parseContainerdVersion,
  unmetRequirements,
} from './machine.ts';

test('versions of containerd are read from Debian and from upstream', () => {
  assert.equal(
    parseContainerdVersion('containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n'),
    '1.6.20',
  );
  assert.equal(parseContainerdVersion('containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7193e4'), '2.1.4');
  assert.equal(parseContainerdVersion('containerd'), undefined);
});

test('capabilities are the bits of the effective mask', () => {
  assert.deepEqual([...parseCapabilities('CapPrm:\tffff\nCapEff:\t0000000000201000\n')], [12, 21]);
});

const complete: Machine = {
  platform: 'linux',
  kernelRelease: '6.1',
  isRoot: true,
  capabilities: new Set([12, 21]),
  cgroups: { mode: 'v2', hierarchies: [] },
  programs: Object.fromEntries(
    'sh env find rm mount umount unshare nsenter pivot_root script ip nft tini catatonit containerd ctr containerd-shim-runc-v2 runc'
      .split(' ')
      .map((name) => [name, `/usr/bin/${name}`]),
  ),
  fileSystems: new Set(['overlay']),
  containerdVersion: '1.6.20',
  cniBinDir: '/usr/lib/cni',
};

test('a machine that has everything lacks nothing', () => {
  assert.deepEqual(unmetRequirements(complete), []);
});

test('what is missing is named together with the packages that bring it', () => {
  const { cniBinDir: _, ...withoutCni } = complete;
  const { nft: __, ctr: ___, ...programs } = complete.programs;
  assert.deepEqual(unmetRequirements({ ...withoutCni, programs }), [
    {
      missing: 'programs: nft, ctr, CNI plugins',
      remedy: 'apt-get install nftables containerd containernetworking-plugins',
    },
  ]);
});

test('off Linux, without root, and in a weak container the remedy is said', () => {
  assert.match(unmetRequirements({ ...complete, platform: 'darwin' })[0]?.missing ?? '', /^Linux \(this is darwin\)$/);
  assert.equal(unmetRequirements({ ...complete, isRoot: false })[0]?.missing, 'root');
  assert.match(unmetRequirements({ ...complete, capabilities: new Set() })[0]?.remedy ?? '', /--privileged/);
});

test('this machine can be looked at without root', async () => {
  const machine = await detectMachine();
  assert.equal(machine.platform, process.platform);
  assert.equal(typeof machine.isRoot, 'boolean');
});
