import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceClass, ResourceClaim } from '#api';
import { startTestApiServer } from '#testing';
import { compileSelector } from './devices.ts';

// Facts from TestCEL of k8s.io/dynamic-resource-allocation/cel/compile_test.go v1.36.
const COSTS: Readonly<Record<string, number>> = {
  'device.attributes["no-such-domain"].noSuchAttr.isGreaterThan(quantity("0"))': 6,
  '"no-such-domain" in device.attributes': 3,
  'device.driver == ""': 2,
  'device.driver == "dra.example.com"': 4,
  'device.attributes["dra.example.com"]["name"]': 4,
  'cel.bind(dra, device.attributes["dra.example.com"], dra.name)': 15,
  'device.attributes["dra.example.com"].name > 0': 5,
  'device.attributes["dra.example.com"].name == "fish"': 5,
  'device.attributes["dra.example.com"].name.isGreaterThan(semver("0.0.1"))': 6,
  'device.attributes["dra.example.com"].name.isGreaterThan(semver("v0.0.1", true)) && isSemver("v1.0.0", true)': 7,
  'device.capacity["dra.example.com"].name.isGreaterThan(quantity("1Ki"))': 6,
  '!("name" in device.capacity["dra.example.com"]) || device.capacity["dra.example.com"].name.isGreaterThan(quantity("1Ki"))': 11,
  'device.attributes.exists_one(x, x == "dra.example.com")': 164,
  'device.attributes["dra.example.com"].exists_one(x, x == "services")': 133,
  'device.attributes["dra.example.com"].services.split("example").size() >= 2': 19,
  'device.attributes["dra.example.com"].services.matches("[^a]?sym")': 18,
  'device.capacity.exists_one(x, x == "dra.example.com")': 164,
};

test('selectors of devices are estimated as upstream does', () => {
  assert.deepEqual(Object.fromEntries(Object.keys(COSTS).map((text) => [text, compileSelector(text)])), COSTS);
});

test('a selector that is none, or could cost too much, is not stored', async () => {
  await using api = await startTestApiServer();
  const each = (name: string): string => `device.attributes["a.b"].all(${name}, `;
  const tooMuch = `${each('x')}${each('y')}${each('z')}${each('w')}x + y + z + w != ""))))`;
  const selectors = ['?!', '1', 'device.other', tooMuch].map((expression) => ({ cel: { expression } }));
  const request = { name: 'r', exactly: { deviceClassName: 'c', selectors } };
  const at = 'spec.devices.requests[0].exactly.selectors';
  await assert.rejects(
    api.client.create(ResourceClaim, {
      metadata: { namespace: 'default', name: 'c' },
      spec: { devices: { requests: [request] } },
    }),
    (error: Error) => {
      for (const told of [
        `${at}[0].cel.expression: Invalid value: "?!": compilation failed: ERROR: <input>:1:1: Syntax error: `,
        `${at}[1].cel.expression: Invalid value: "1": must evaluate to bool or the unknown type, not int`,
        `${at}[2].cel.expression: Invalid value: "device.other": compilation failed: ERROR: <input>:1:7: undefined field 'other'`,
        `${at}[3].cel.expression: Forbidden: too complex, exceeds cost limit`,
      ])
        assert.ok(error.message.includes(told), `${told} in ${error.message}`);
      return true;
    },
  );
  const metadata = { name: 'gpu' };
  const good = { cel: { expression: 'device.driver == "gpu.example.com" && device.allowMultipleAllocations' } };
  const stored = await api.client.create(DeviceClass, { metadata, spec: { selectors: [good] } });
  const wrong = { ...stored, spec: { selectors: [{ cel: { expression: 'device.drivr == ""' } }] } };
  await assert.rejects(
    api.client.update(DeviceClass, wrong),
    /spec\.selectors\[0\]\.cel\.expression.*undefined field 'drivr'/,
  );
});
