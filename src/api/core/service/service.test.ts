import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../../field-error.ts';
import { errors, make, statusErrors, updateErrors } from '../../testdata/kinds.ts';
import { Endpoints } from '../endpoints.ts';
import { Node } from '../node.ts';
import { ResourceQuota } from '../quota/resourcequota.ts';
import { Service } from '../service.ts';

const service = (spec: object, more: object = {}): object => ({ spec: { ports: [{ port: 80 }], ...spec }, ...more });

test('the name of a service may begin with a digit', () => {
  assert.deepEqual(Service.validateName!('1a', false), []);
  assert.equal(Service.validateName!('a.b', false).length, 1);
});

test('ambiguous addresses are refused, but may stay where they are', () => {
  const old = make(Service, service({ externalIPs: ['010.0.0.1'] }));
  const validate = (externalIPs: string[], before?: Service): string[] =>
    Service.validate!(make(Service, service({ externalIPs })), before).map(fieldErrorText);
  assert.deepEqual(validate(['010.0.0.1']), [
    'spec.externalIPs[0]: Invalid value: "010.0.0.1": must not have leading 0s',
  ]);
  assert.deepEqual(validate(['010.0.0.1'], old), []);
  assert.deepEqual(
    errors(Service, service({ type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.5/24', '10.0.0.0/024'] })),
    [
      'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.5/24": must not have bits set beyond the prefix length',
      'spec.LoadBalancerSourceRanges[1]: Invalid value: "10.0.0.0/024": must not have leading 0s in IP or prefix length',
    ],
  );
});

test('what does nothing in a service is worth a warning', () => {
  const warnings = (spec: object, metadata: object = {}): string[] =>
    Service.warnings!(make(Service, service(spec, { metadata })), undefined);
  assert.deepEqual(warnings({ clusterIP: 'None', externalIPs: ['10.0.0.1'], loadBalancerIP: '10.0.0.2' }), [
    'spec.loadBalancerIP is ignored for headless services',
    'spec.externalIPs is ignored for headless services',
  ]);
  assert.deepEqual(warnings({ externalIPs: ['FD00::1'], trafficDistribution: 'PreferClose', externalName: 'x' }), [
    'spec.externalIPs[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
    'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    'spec.externalName is ignored when spec.type is not "ExternalName"',
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
  ]);
  assert.deepEqual(
    warnings(
      { loadBalancerIP: '::ffff:10.0.0.1', loadBalancerSourceRanges: ['10.0.0.5/24', 'FD00::/8'] },
      { annotations: { 'service.kubernetes.io/topology-aware-hints': 'auto' } },
    ),
    [
      'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
      'spec.loadBalancerIP: non-standard IP address "::ffff:10.0.0.1" is invalid: use "10.0.0.1"',
      'spec.loadBalancerSourceRanges[0]: CIDR value "10.0.0.5/24" is ambiguous in this context (should be "10.0.0.0/24" or "10.0.0.5/32"?)',
      'spec.loadBalancerSourceRanges[1]: IPv6 CIDR value "FD00::/8" should be in RFC 5952 canonical format ("fd00::/8")',
    ],
  );
});

test('a load balancer is no address in disguise', () => {
  const status = { loadBalancer: { ingress: [{ hostname: '010.0.0.1' }] } };
  assert.deepEqual(statusErrors(Service, service({ type: 'LoadBalancer' }, { status }), service({})), [
    'status.loadBalancer.ingress[0].hostname: Invalid value: "010.0.0.1": must be a DNS name, not an IP address',
  ]);
});

test('endpoints that were valid once may stay as they are', () => {
  const old = make(Endpoints, { subsets: [{ addresses: [{ ip: '127.0.0.1' }] }] });
  const relabelled = make(Endpoints, { metadata: { labels: { a: 'b' } }, subsets: old.subsets });
  assert.equal(Endpoints.validate!(relabelled, old).length, 0);
  assert.equal(Endpoints.validate!(relabelled).length, 1);
});

test('nodes declare features in order and swap that is some', () => {
  const status = { declaredFeatures: ['B', 'A', 'A', 'lower'], nodeInfo: { swap: { capacity: 0 } } };
  assert.deepEqual(errors(Node, { status }), [
    'metadata.nodeSwapStatus.capacity: Invalid value: 0: must be greater than zero',
    'status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically',
    'status.declaredFeatures[2]: Duplicate value: "A"',
    'status.declaredFeatures[3]: Invalid value: "lower": invalid feature name "lower": must start with an UpperCamelCase segment, with subsequent segments separated by \'/\' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes',
  ]);
  const node = make(Node, { spec: { configSource: { configMap: { name: 'c' } } } });
  Node.prepareForCreate!(node);
  assert.equal(node.spec.configSource, undefined);
  assert.deepEqual(updateErrors(Node, { spec: { externalID: 'b' } }, { spec: { externalID: 'a' } }), [
    'spec.externalID: Forbidden: may not be updated',
  ]);
});

test('selectors of quotas are told of without their place in the list', () => {
  const matchExpressions = [
    { scopeName: 'BestEffort', operator: 'In', values: [] },
    { scopeName: 'Other', operator: 'Exists', values: ['x'] },
  ];
  assert.deepEqual(
    errors(ResourceQuota, { spec: { hard: { cpu: '1', pods: '1' }, scopeSelector: { matchExpressions } } }),
    [
      'spec.scopeSelector.matchExpressions: Invalid value: {"MatchExpressions":[{"ScopeName":"BestEffort","Operator":"In","Values":[]},{"ScopeName":"Other","Operator":"Exists","Values":["x"]}]}: unsupported scope applied to resource',
      'spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be \'Exists\' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity',
      "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
      'spec.scopeSelector.matchExpressions.scopeName: Invalid value: "Other": unsupported scope',
      "spec.scopeSelector.matchExpressions.values: Invalid value: [\"x\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
    ],
  );
});
