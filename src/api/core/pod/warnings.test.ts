import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '../../generated/core.v1.ts';
import { podWarnings } from './warnings.ts';

const warn = (spec: Partial<PodSpec>): string[] => podWarnings({ containers: [], ...spec }, {}, 'spec.template');

test('labels of nodes that are gone, and values no node can have, are worth a warning', () => {
  const zone = 'failure-domain.beta.kubernetes.io/zone';
  const term = { matchExpressions: [{ key: zone, operator: 'In', values: ['no way'] }] };
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: term }],
  };
  const at = 'spec.template.spec.affinity.nodeAffinity';
  const gone = `${zone} is deprecated since v1.17; use "topology.kubernetes.io/zone" instead`;
  const [hard, soft, value, ...more] = warn({ affinity: { nodeAffinity } });
  assert.equal(
    hard,
    `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key: ${gone}`,
  );
  assert.equal(
    soft,
    `${at}.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key: ${gone}`,
  );
  assert.match(value!, /preference\.matchExpressions\[0\]\.values\[0\]: no way is invalid, a valid label must be /);
  assert.deepEqual(more, []);
});

test('files in the way of a token, half bytes, and addresses that do nothing are worth a warning', () => {
  const items = [{ key: 'k', path: 'token' }];
  const volumes = [
    { name: 'a', projected: { sources: [{ serviceAccountToken: { path: 'token' } }, { secret: { items } }] } },
    { name: 'b', ephemeral: { volumeClaimTemplate: { spec: { resources: { requests: { storage: '0.5' } } } } } },
  ];
  const containers = [{ name: 'c', ports: [{ name: 'http', containerPort: 80, protocol: 'TCP', hostIP: '10.0.0.1' }] }];
  assert.deepEqual(
    warn({ volumes, containers, hostAliases: [{ ip: 'FD00::1' }], dnsConfig: { nameservers: ['::ffff:10.0.0.1'] } }),
    [
      'spec.template.spec.volumes[1].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: fractional byte value "500m" is invalid, must be an integer',
      'volume "a" (Projected): overlapping paths: "token" (Secret "") with "token" (ServiceAccountToken)',
      'spec.template.spec.containers[0].ports[0]: hostIP set without hostPort: {Name:http HostPort:0 ContainerPort:80 Protocol:TCP HostIP:10.0.0.1}',
      'spec.template.spec.dnsConfig.nameservers[0]: non-standard IP address "::ffff:10.0.0.1" is invalid: use "10.0.0.1"',
      'spec.template.spec.hostAliases[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
    ],
  );
});

test('files and ports that all get into each other get no more warnings than anybody reads', () => {
  const items = Array.from({ length: 30_000 }, () => ({ key: 'a', path: 'a' }));
  const ports = Array.from({ length: 30_000 }, () => ({ containerPort: 80, protocol: 'TCP' }));
  const files = warn({ volumes: [{ name: 'v', configMap: { name: 'c', items } }] });
  assert.ok(files.length >= 1000 && files.length < 3000);
  const same = warn({ containers: [{ name: 'c', image: 'i', ports }] });
  assert.ok(same.length >= 1000 && same.length < 3000);
});
