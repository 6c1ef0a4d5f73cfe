import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Service } from '#api';
import { container, pod } from '../testing/node.ts';
import { containerEnvironment, type EnvContext, ObjectNotFound } from './env.ts';
import { expand } from './expansion.ts';
import { fieldValue, resourceValue } from './fields.ts';
import { serviceEnvironment } from './services.ts';

const metadata = { name: 'x', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
const facts = { podIPs: ['10.244.1.2', 'fd00::2'], hostIPs: ['172.18.0.2'], allocatable: { cpu: '2', memory: '4Gi' } };
const context = (rest: Partial<EnvContext> = {}): EnvContext => ({
  facts,
  services: new Map(),
  objects: {
    configMap: (name) => {
      if (name !== 'cfg') throw new ObjectNotFound('configmap', name);
      return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1', b: '2' } };
    },
    secret: (name) => {
      if (name !== 'sec') throw new ObjectNotFound('secret', name);
      return { apiVersion: 'v1', kind: 'Secret', metadata, data: { p: Buffer.from('pass').toString('base64') } };
    },
  },
  ...rest,
});

describe('expansion', () => {
  const valueOf = (name: string) => ({ A: 'one', EMPTY: '' })[name];

  it('replaces what is known and leaves the rest', () => {
    const cases: [string, string][] = [
      ['$(A)', 'one'],
      ['x$(A)y$(A)', 'xoneyone'],
      ['$(EMPTY)', ''],
      ['$(B)', '$(B)'],
      ['$$(A)', '$(A)'],
      ['$$$(A)', '$one'],
      ['$A', '$A'],
      ['$(A', '$(A'],
      ['$', '$'],
      ['$$', '$'],
    ];
    for (const [text, result] of cases) assert.equal(expand(text, valueOf), result, text);
  });

  it('is undone by doubling every dollar', () => {
    fc.assert(fc.property(fc.string(), (text) => assert.equal(expand(text.replaceAll('$', '$$$$'), valueOf), text)));
  });
});

describe('the environment of a container', () => {
  const build = (rest: Parameters<typeof container>[1], own = context()) =>
    Object.fromEntries(containerEnvironment(pod('p'), container('c', rest), own));

  it('comes from all its sources, the later over the earlier', () => {
    const env = build(
      {
        envFrom: [{ configMapRef: { name: 'cfg' }, prefix: 'P_' }, { secretRef: { name: 'sec' } }],
        env: [
          { name: 'P_a', value: 'mine' },
          { name: 'JOINED', value: '$(P_a)-$(P_b)-$(WEB_SERVICE_HOST)-$(LATER)' },
          { name: 'LATER', value: 'x' },
          { name: 'IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
          { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
          { name: 'PASS', valueFrom: { secretKeyRef: { name: 'sec', key: 'p' } } },
          { name: 'MAYBE', valueFrom: { configMapKeyRef: { name: 'none', key: 'k', optional: true } } },
        ],
      },
      context({
        services: new Map([
          ['WEB_SERVICE_HOST', '10.96.0.9'],
          ['P_a', 'never'],
        ]),
      }),
    );
    assert.deepEqual(env, {
      P_a: 'mine',
      P_b: '2',
      p: 'pass',
      JOINED: 'mine-2-10.96.0.9-$(LATER)',
      LATER: 'x',
      IPS: '10.244.1.2,fd00::2',
      MEMORY: '4096',
      PASS: 'pass',
      WEB_SERVICE_HOST: '10.96.0.9',
    });
  });

  it("that lacks something says what, in upstream's words", () => {
    const from = (valueFrom: object) => () => build({ env: [{ name: 'X', valueFrom }] });
    assert.throws(from({ secretKeyRef: { name: 'x', key: 'k' } }), { message: 'secret "x" not found' });
    assert.throws(from({ configMapKeyRef: { name: 'cfg', key: 'k' } }), {
      message: "couldn't find key k in ConfigMap default/cfg",
    });
    assert.throws(() => build({ envFrom: [{ configMapRef: { name: 'none' } }] }), {
      message: 'configmap "none" not found',
    });
    assert.deepEqual(build({ envFrom: [{ configMapRef: { name: 'none', optional: true } }] }), {});
  });
});

describe('fields of a pod', () => {
  const own = pod('p', {}, { labels: { b: '2', a: 'x "y"' }, annotations: { 'k/n': 'v' } });

  it('are given as upstream formats them', () => {
    assert.equal(fieldValue(own, { fieldPath: 'metadata.labels' }, facts), 'a="x \\"y\\""\nb="2"');
    assert.equal(fieldValue(own, { fieldPath: "metadata.annotations['k/n']" }, facts), 'v');
    assert.equal(fieldValue(own, { fieldPath: 'status.hostIP' }, facts), '172.18.0.2');
    assert.throws(() => fieldValue(own, { fieldPath: 'spec.hostname' }, facts), {
      message: 'unsupported fieldPath: spec.hostname',
    });
  });

  it('of resources round up', () => {
    const c = container('c', { resources: { limits: { cpu: '1500m' }, requests: { cpu: '250m' } } });
    const value = (resource: string, divisor?: string) => resourceValue(own, c, { resource, divisor }, facts);
    assert.equal(value('limits.cpu'), '2');
    assert.equal(value('limits.cpu', '1m'), '1500');
    assert.equal(value('requests.cpu'), '1');
    assert.equal(value('limits.memory'), String(4 * 2 ** 30));
    assert.equal(value('requests.memory'), '0');
  });
});

it("services give the variables of Docker's links", () => {
  const service = (
    name: string,
    namespace: string,
    clusterIP: string,
    ports: { name?: string; port: number; protocol?: string }[],
  ): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, name, namespace },
    spec: { clusterIP, ports },
    status: {},
  });
  const services = [
    service('my-web', 'team', '10.96.0.5', [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ]),
    service('kubernetes', 'default', '10.96.0.1', [{ name: 'https', port: 443 }]),
    service('headless', 'team', 'None', [{ port: 1 }]),
    service('other', 'elsewhere', '10.96.0.7', [{ port: 1 }]),
  ];
  const kubernetes = {
    KUBERNETES_SERVICE_HOST: '10.96.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    KUBERNETES_SERVICE_PORT_HTTPS: '443',
    KUBERNETES_PORT: 'tcp://10.96.0.1:443',
    KUBERNETES_PORT_443_TCP: 'tcp://10.96.0.1:443',
    KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
    KUBERNETES_PORT_443_TCP_PORT: '443',
    KUBERNETES_PORT_443_TCP_ADDR: '10.96.0.1',
  };
  assert.deepEqual(Object.fromEntries(serviceEnvironment(services, { namespace: 'team', links: false })), kubernetes);
  assert.deepEqual(Object.fromEntries(serviceEnvironment(services, { namespace: 'team', links: true })), {
    ...kubernetes,
    MY_WEB_SERVICE_HOST: '10.96.0.5',
    MY_WEB_SERVICE_PORT: '80',
    MY_WEB_SERVICE_PORT_HTTP: '80',
    MY_WEB_SERVICE_PORT_DNS: '53',
    MY_WEB_PORT: 'tcp://10.96.0.5:80',
    MY_WEB_PORT_80_TCP: 'tcp://10.96.0.5:80',
    MY_WEB_PORT_80_TCP_PROTO: 'tcp',
    MY_WEB_PORT_80_TCP_PORT: '80',
    MY_WEB_PORT_80_TCP_ADDR: '10.96.0.5',
    MY_WEB_PORT_53_UDP: 'udp://10.96.0.5:53',
    MY_WEB_PORT_53_UDP_PROTO: 'udp',
    MY_WEB_PORT_53_UDP_PORT: '53',
    MY_WEB_PORT_53_UDP_ADDR: '10.96.0.5',
  });
});
