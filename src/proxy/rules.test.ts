import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Endpoint, EndpointSlice, Service } from '#api';
import { minimalCidrs } from './cidr.ts';
import { frontendsOf } from './frontends.ts';
import { Rules, ruleset } from './rules.ts';
import { endpoint, OPTIONS, service, slice } from './testdata/objects.ts';
import { Table } from './testdata/table.ts';

const READY = endpoint('10.244.1.2');
const REMOTE = endpoint('10.244.2.2', 'n2');

test('the rules of a cluster with one service of each kind', () => {
  const services = [
    service('cluster-ip', { clusterIP: '10.96.0.1' }),
    service('node-port', {
      clusterIP: '10.96.0.2',
      type: 'NodePort',
      ports: [{ name: 'web', port: 80, nodePort: 30_002 }],
    }),
    service(
      'local',
      {
        clusterIP: '10.96.0.3',
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        ports: [{ name: 'web', port: 80, nodePort: 30_003 }],
        loadBalancerSourceRanges: ['10.1.0.0/16', '10.0.0.0/8'],
      },
      { loadBalancer: { ingress: [{ ip: '172.18.9.3' }] } },
    ),
    service('sticky', {
      clusterIP: '10.96.0.4',
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
    }),
    service('empty', { clusterIP: '10.96.0.5' }),
    service('udp', {
      clusterIP: '10.96.0.6',
      externalIPs: ['172.18.9.6'],
      ports: [{ name: 'web', port: 53, protocol: 'UDP' }],
    }),
    service('headless', { clusterIP: 'None' }),
    service('elsewhere', { type: 'ExternalName', externalName: 'example.com' }),
  ];
  const slices = [
    ...['cluster-ip', 'node-port', 'local', 'sticky', 'headless'].map((name) => slice(name, [READY, REMOTE])),
    slice('udp', [READY], { ports: [{ name: 'web', port: 5353, protocol: 'UDP' }] }),
  ];
  const { text } = ruleset(services, slices, OPTIONS).full();
  assert.equal(text, readFileSync(join(import.meta.dirname, 'testdata/cluster.nft'), 'utf8'));
  new Table().apply(text);
});

suite('frontends', () => {
  const behind = (spec: Partial<Service['spec']>, endpoints: readonly Endpoint[]) =>
    frontendsOf(service('s', { clusterIP: '10.96.0.1', ...spec }), [slice('s', endpoints)], OPTIONS).map(
      (frontend) => ({
        at: `${frontend.ip}:${frontend.port}`,
        all: frontend.endpoints.map(({ ip }) => ip),
        local: frontend.local?.map(({ ip }) => ip),
        unreachable: frontend.unreachable,
      }),
    );
  const at = '10.96.0.1:80';
  const going = { ready: false, serving: true, terminating: true };

  test('ready endpoints serve; where there are none, those that are going and still serve', () => {
    const [a, b, c] = [
      endpoint('10.244.1.1'),
      endpoint('10.244.1.2', 'n1', going),
      endpoint('10.244.1.3', 'n1', { ready: false }),
    ];
    assert.deepEqual(behind({}, [a, b, c]), [{ at, all: ['10.244.1.1'], local: undefined, unreachable: undefined }]);
    assert.deepEqual(behind({}, [b, c]), [{ at, all: ['10.244.1.2'], local: undefined, unreachable: undefined }]);
    assert.deepEqual(behind({}, [c]), [{ at, all: [], local: undefined, unreachable: 'reject' }]);
  });

  test('policy Local is silent where another node could serve, and refuses where none could', () => {
    const local: Partial<Service['spec']> = { internalTrafficPolicy: 'Local' };
    assert.deepEqual(behind(local, [READY, REMOTE]), [
      { at, all: ['10.244.1.2'], local: undefined, unreachable: undefined },
    ]);
    assert.deepEqual(behind(local, [REMOTE]), [{ at, all: [], local: undefined, unreachable: 'drop' }]);
    assert.deepEqual(behind(local, []), [{ at, all: [], local: undefined, unreachable: 'reject' }]);
    const external: Partial<Service['spec']> = {
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ name: 'web', port: 80, nodePort: 30_000 }],
    };
    assert.deepEqual(behind(external, [REMOTE])[1], {
      at: '172.18.0.2:30000',
      all: ['10.244.2.2'],
      local: [],
      unreachable: 'drop',
    });
    assert.deepEqual(behind(external, [])[1], {
      at: '172.18.0.2:30000',
      all: [],
      local: undefined,
      unreachable: 'reject',
    });
  });

  test('an endpoint in two slices counts once, in whatever order the slices come', () => {
    const slices = [
      slice('s', [READY, REMOTE]),
      slice('s', [REMOTE], { addressType: 'IPv4' }),
      slice('s', [endpoint('fd00::1')], { addressType: 'IPv6' }),
    ];
    const of = (order: readonly EndpointSlice[]) =>
      frontendsOf(service('s', { clusterIP: '10.96.0.1' }), order, OPTIONS);
    assert.deepEqual(of(slices)[0]?.endpoints, [
      { ip: '10.244.1.2', port: 8080 },
      { ip: '10.244.2.2', port: 8080 },
    ]);
    assert.deepEqual(of(slices), of(slices.toReversed()));
  });

  test('a service of another proxy is not ours', () => {
    const theirs = service('s', { clusterIP: '10.96.0.1' });
    theirs.metadata.labels = { 'service.kubernetes.io/service-proxy-name': 'mesh' };
    assert.deepEqual(frontendsOf(theirs, [], OPTIONS), []);
  });
});

test('ranges that lie in others are left out', () => {
  assert.deepEqual(minimalCidrs(['10.1.0.0/16', '10.9.9.9/8', '192.168.1.0/24', 'fd00::/8', '10.0.0.0/33', 'x']), [
    '10.0.0.0/8',
    '192.168.1.0/24',
  ]);
  assert.deepEqual(minimalCidrs(['1.2.3.4/32', '0.0.0.0/0']), ['0.0.0.0/0']);
});

suite('changes', () => {
  test('of nothing are none, and one of an endpoint is told with what it means', () => {
    const rules = new Rules(OPTIONS);
    const sticky = service('a', { clusterIP: '10.96.0.1', sessionAffinity: 'ClientIP' });
    rules.set('ns/a', sticky, [slice('a', [READY, REMOTE])]);
    rules.full();
    rules.set('ns/a', sticky, [slice('a', [REMOTE, READY])]);
    assert.equal(rules.update(), undefined);
    rules.set('ns/a', sticky, [slice('a', [REMOTE])]);
    const { affinityLost, udpChanged } = rules.update() ?? assert.fail();
    assert.deepEqual({ affinityLost, udpChanged }, { affinityLost: true, udpChanged: false });
  });

  test('when two services want one address, the first keeps it and the other takes over', () => {
    const rules = new Rules(OPTIONS);
    const table = new Table();
    const claim = (name: string) => service(name, { clusterIP: `10.96.0.${name.length}`, externalIPs: ['172.18.9.9'] });
    const holder = () => table.elements.get('endpoints')?.get('172.18.9.9 . tcp . 80 . 1');
    rules.set('ns/bb', claim('bb'), [slice('bb', [REMOTE])]);
    table.apply(rules.full().text);
    assert.equal(holder(), '10.244.2.2 . 8080');
    rules.set('ns/a', claim('a'), [slice('a', [READY])]);
    table.apply(rules.update()?.text ?? '');
    assert.equal(holder(), '10.244.1.2 . 8080');
    rules.set('ns/a', undefined, []);
    table.apply(rules.update()?.text ?? '');
    assert.equal(holder(), '10.244.2.2 . 8080');
  });

  test('told one by one make the table that all of them at once make', () => {
    const conditions = fc.constantFrom(undefined, { ready: false }, { ready: false, serving: true, terminating: true });
    const endpoints = fc.array(
      fc.record({
        ip: fc.constantFrom(...[1, 2, 3, 4].map((i) => `10.244.1.${i}`)),
        node: fc.constantFrom('n1', 'n2'),
        conditions,
      }),
      { maxLength: 4 },
    );
    const spec = fc.record({
      type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'),
      externalIPs: fc.constantFrom<string[]>([], ['172.18.9.9'], ['172.18.9.9', '172.18.9.8']),
      sessionAffinity: fc.constantFrom('None', 'ClientIP'),
      internalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
      externalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
      loadBalancerSourceRanges: fc.constantFrom<string[] | undefined>(undefined, ['10.0.0.0/8', '10.1.0.0/16']),
    });
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      spec: fc.option(spec),
      endpoints,
      tell: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const rules = new Rules(OPTIONS);
        const table = new Table();
        table.apply(rules.full().text);
        const last = new Map<string, [Service, EndpointSlice]>();
        for (const { name, spec: chosen, endpoints: chosenEndpoints, tell } of steps) {
          const number = name.charCodeAt(0);
          const made =
            chosen === null
              ? undefined
              : service(
                  name,
                  {
                    ...chosen,
                    clusterIP: `10.96.0.${number}`,
                    ports: [{ name: 'web', port: 80, nodePort: 30_000 + number }],
                  },
                  { loadBalancer: { ingress: [{ ip: '172.18.8.8' }] } },
                );
          const held = slice(
            name,
            chosenEndpoints.map((e) => endpoint(e.ip, e.node, e.conditions)),
          );
          if (made === undefined) last.delete(name);
          else last.set(name, [made, held]);
          rules.set(`ns/${name}`, made, [held]);
          if (tell) table.apply(rules.update()?.text ?? '');
        }
        table.apply(rules.update()?.text ?? '');
        const whole = new Table();
        const all = [...last.values()];
        whole.apply(
          ruleset(
            all.map(([s]) => s),
            all.map(([, s]) => s),
            OPTIONS,
          ).full().text,
        );
        assert.deepEqual(table.dump(), whole.dump());
        const again = new Table();
        again.apply(rules.full().text);
        assert.deepEqual(again.dump(), whole.dump());
      }),
      { numRuns: 300 },
    );
  });
});
