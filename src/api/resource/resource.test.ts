import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrorText } from '../field-error.ts';
import { errors, make, statusErrors } from '../testdata/kinds.ts';
import { validateShareID } from './lists.ts';
import { DeviceClass } from './deviceclass.ts';
import { ResourceClaim } from './resourceclaim.ts';
import { ResourceSlice } from './resourceslice.ts';

const claim = (devices: object): object => ({ spec: { devices } });
const exactly = { deviceClassName: 'gpu' };

test('constraints and configurations of a claim speak of its requests', () => {
  const why = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const devices = {
    requests: [
      { name: 'a', exactly },
      { name: 'b', firstAvailable: [{ name: 'c', deviceClassName: 'gpu' }] },
    ],
    constraints: [
      { requests: ['a', 'b/c', 'b', 'a/c', 'a'], matchAttribute: 'model' },
      { requests: ['x/y/z'], distinctAttribute: 'gpu.example.com/1' },
      {},
    ],
    config: [{ requests: ['d'], opaque: { driver: '', parameters: [] } }],
  };
  const at = 'spec.devices.constraints';
  assert.deepEqual(errors(ResourceClaim, claim(devices)), [
    `${at}[0].requests[3]: Invalid value: "a/c": ${why}`,
    `${at}[0].requests[4]: Duplicate value: "a"`,
    `${at}[0].matchAttribute: Invalid value: "model": a fully qualified name must be a domain and a name separated by a slash`,
    `${at}[1].requests[0]: Invalid value: "x/y/z": ${why}`,
    `${at}[1].distinctAttribute: Invalid value: "1": a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')`,
    `${at}[2]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set`,
    `spec.devices.config[0].requests[0]: Invalid value: "d": ${why}`,
    'spec.devices.config[0].opaque.driver: Required value',
    'spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
  ]);
});

test('requests are named once, and a list too long is not looked into', () => {
  const tolerations = [{ operator: 'Exists', value: 'x' }, { operator: 'Like' }, { effect: 'Never' }];
  assert.deepEqual(
    errors(
      ResourceClaim,
      claim({
        requests: [
          { name: 'a', exactly: { ...exactly, tolerations } },
          { name: 'a', exactly },
        ],
      }),
    ),
    [
      'spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: "x": must be empty for operator `Exists`',
      'spec.devices.requests[0].exactly.tolerations[1].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
      'spec.devices.requests[0].exactly.tolerations[2].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
      'spec.devices.requests[1]: Duplicate value: "a"',
    ],
  );
  assert.deepEqual(errors(ResourceClaim, claim({ requests: Array.from({ length: 33 }, () => ({ name: '' })) })), [
    'spec.devices.requests: Too many: 33: must have at most 32 items',
  ]);
});

test('what a claim was given has to be what it asked for', () => {
  const request = make(ResourceClaim, claim({ requests: [{ name: 'a', exactly }] }));
  const result = { request: 'a', driver: 'd.io', pool: 'p', device: 'x', shareID: 'ABC' };
  const status = {
    allocation: { devices: { results: [{ ...result, request: 'b' }], config: [{ source: 'Nobody' }] } },
    devices: [
      { driver: 'd.io', pool: 'p', device: 'x', networkData: { ips: ['10.0.0.1', '10.0.0.1/24', 'FD00::1/64'] } },
      { driver: 'd.io', pool: 'p', device: 'x' },
    ],
  };
  assert.deepEqual(statusErrors(ResourceClaim, { ...request, status }, request), [
    'status.devices[0]: Invalid value: {"Driver":"d.io","Pool":"p","Device":"x","ShareID":""}: must be an allocated device in the claim',
    'status.devices[0].networkData.ips[0]: Invalid value: "10.0.0.1": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
    'status.devices[0].networkData.ips[2]: Invalid value: "FD00::1/64": must be in canonical form (fd00::1/64)',
    'status.devices[1]: Invalid value: {"Driver":"d.io","Pool":"p","Device":"x","ShareID":""}: must be an allocated device in the claim',
    'status.devices[1]: Duplicate value: {"Driver":"d.io","Pool":"p","Device":"x","ShareID":""}',
    `status.allocation.devices.results[0].request: Invalid value: "b": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
    'status.allocation.devices.results[0].shareID: Invalid value: "ABC": error validating uid: invalid UUID length: 3',
    'status.allocation.devices.config[0].source: Unsupported value: "Nobody": supported values: "FromClaim", "FromClass"',
    'status.allocation.devices.config[0].opaque: Required value',
  ]);
  assert.deepEqual(validateShareID('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'x'), []);
  assert.match(validateShareID('6BA7B810-9dad-11d1-80b4-00c04fd430c8', 'x')[0]!.message, /RFC 4122 normalized form/);
});

const slice = (spec: object): object => ({
  spec: { driver: 'd.io', pool: { name: 'p', generation: 1, resourceSliceCount: 1 }, nodeName: 'n', ...spec },
});

test('devices of a slice are looked into', () => {
  const devices = [
    {
      name: 'a',
      attributes: { '/x': { int: 1 }, v: { version: '1.2' }, none: {}, two: { bool: true, int: 2 } },
      capacity: { memory: { value: '1Gi', requestPolicy: { default: '1' } } },
      taints: [{ key: 'k', effect: 'Never' }],
      consumesCounters: [{ counterSet: 'c', counters: {} }],
      bindingConditions: ['b', 'b'],
      bindingFailureConditions: ['b'],
      allNodes: true,
    },
    { name: 'a' },
  ];
  const at = 'spec.devices[0]';
  assert.deepEqual(errors(ResourceSlice, slice({ devices, sharedCounters: [{ name: 'c', counters: {} }] })), [
    'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
    `${at}.attributes: Invalid value: "": the domain must not be empty`,
    `${at}.attributes[v].version: Invalid value: "1.2": must be a string compatible with semver.org spec 2.0.0`,
    `${at}.attributes[none]: Invalid value: "": exactly one value must be specified`,
    `${at}.attributes[two]: Invalid value: {"bool":true,"int":2}: exactly one value must be specified`,
    `${at}.capacity[memory].requestPolicy: Forbidden: allowMultipleAllocations must be true`,
    `${at}.taints[0].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"`,
    `${at}.consumesCounters[0].counters: Required value`,
    `${at}: Invalid value: null: \`nodeName\`, \`nodeSelector\` and \`allNodes\` can only be set if \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`,
    `${at}.bindingConditions[1]: Duplicate value: "b"`,
    `${at}.bindingFailureConditions[0]: Invalid value: "b": bindingFailureConditions must not overlap with bindingConditions`,
    'spec.devices[1]: Duplicate value: "a"',
    'spec.sharedCounters[0].counters: Required value',
  ]);
});

test('a slice is in one place', () => {
  const one = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  assert.deepEqual(errors(ResourceSlice, slice({ nodeName: '', allNodes: false })), [
    'spec.nodeName: Invalid value: "": must be either unset or set to a non-empty string',
    'spec.allNodes: Invalid value: false: must be either unset or set to true',
    `spec: Required value: ${one}`,
  ]);
  assert.deepEqual(errors(ResourceSlice, slice({ allNodes: true })), [
    `spec: Invalid value: "{\`nodeName\`, \`allNodes\`}": ${one}, but multiple fields are set`,
  ]);
  const devices = [{ name: 'a' }, { name: 'b', nodeName: '' }, { name: 'c', nodeName: 'n' }];
  const per =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  assert.deepEqual(errors(ResourceSlice, slice({ nodeName: undefined, perDeviceNodeSelection: true, devices })), [
    `spec.devices[0]: Required value: ${per}`,
    'spec.devices[1].nodeName: Invalid value: "": must not be empty',
    `spec.devices[1]: Required value: ${per}`,
  ]);
  const moved = ResourceSlice.validate!(make(ResourceSlice, slice({ nodeName: 'm' })), make(ResourceSlice, slice({})));
  assert.deepEqual(moved.map(fieldErrorText), ['spec.nodeName: Invalid value: "m": field is immutable']);
});

test('capacity that is shared out has a policy that fits', () => {
  const policies = (requestPolicy: object): string[] =>
    errors(
      ResourceSlice,
      slice({
        devices: [{ name: 'a', allowMultipleAllocations: true, capacity: { m: { value: '10', requestPolicy } } }],
      }),
    ).map((text) => text.replace('spec.devices[0].capacity[m].requestPolicy', ''));
  assert.deepEqual(policies({ default: '2', validValues: ['2', '4', '10'] }), []);
  assert.deepEqual(policies({ validValues: ['2'] }), [
    '.default: Required value: required when validValues is defined',
  ]);
  assert.deepEqual(policies({ default: '3', validValues: ['4', '2', '2', '20'] }), [
    '.validValues[1]: Invalid value: "2": values must be sorted in ascending order',
    '.validValues[3]: Invalid value: "20": option is larger than capacity value: 10',
    '.validValues[2]: Duplicate value: "2"',
    '.validValues: Invalid value: "3": default value is not valid according to the requestPolicy',
  ]);
  assert.deepEqual(policies({ default: '3', validRange: { min: '1', max: '9', step: '2' } }), []);
  assert.deepEqual(policies({ default: '1', validRange: { min: '2', max: '11', step: '9' } }), [
    '.validRange.default: Invalid value: "1": default is less than min: 2',
    '.validRange.max: Invalid value: "11": max is larger than capacity value: 10',
    '.validRange.step: Invalid value: "9": one step 11 is larger than capacity value: 10',
    '.validRange.step: Invalid value: "1": value is not a multiple of a given step (9) from (2)',
  ]);
});

test('fields of devices behind gates that are off are dropped, unless they were there', () => {
  const devices = [{ name: 'a', attributes: { x: { ints: [1] } }, nodeAllocatableResourceMappings: { cpu: {} } }];
  const fresh = make(ResourceSlice, slice({ devices }));
  const old = structuredClone(fresh);
  const kept = structuredClone(fresh);
  ResourceSlice.prepareForCreate!(fresh);
  assert.deepEqual(fresh.spec.devices, [{ name: 'a', attributes: { x: {} } }]);
  ResourceSlice.prepareForUpdate!(kept, old);
  assert.deepEqual(kept.spec.devices, devices);
});

test('a class of devices may be asked for as an extended resource', () => {
  assert.deepEqual(errors(DeviceClass, { spec: { extendedResourceName: 'example.com/gpu' } }), []);
  assert.deepEqual(errors(DeviceClass, { spec: { extendedResourceName: 'cpu' } }), [
    'spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name',
  ]);
});

test('what is told of a device goes with its allocation, and metadata is not written with the status', () => {
  const device = { driver: 'd', pool: 'p', device: '1' };
  const status = (results: object[]): object => ({ allocation: { devices: { results } }, devices: [device] });
  const old = make(ResourceClaim, { status: status([device]) });
  const now = make(ResourceClaim, { metadata: { labels: { a: 'b' } }, status: status([]) });
  ResourceClaim.status!.prepareForUpdate(now, old, { nowMs: 0 });
  assert.deepEqual([now.status.devices, now.metadata.labels], [undefined, undefined]);
  const same = make(ResourceClaim, { status: status([device]) });
  ResourceClaim.status!.prepareForUpdate(same, old, { nowMs: 0 });
  assert.deepEqual(same.status.devices, [device]);
});
