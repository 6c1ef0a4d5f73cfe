import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protoJson } from './json.ts';

test('a message is written as protobuf’s JSON: names, order, text for 64 bits, base64, keys of maps as they are', () => {
  const container = {
    created_at: '1796600000000000001',
    annotations: { 'b_c/d_e': '2', a_b: '1' },
    id: 'x',
    metadata: { attempt: 1, name: 'main' },
    state: 'CONTAINER_RUNNING',
    pod_sandbox_id: 'y',
  };
  assert.equal(
    JSON.stringify(protoJson('ListContainersResponse', { containers: [container] })),
    '{"containers":[{"id":"x","podSandboxId":"y","metadata":{"name":"main","attempt":1},"state":"CONTAINER_RUNNING",' +
      '"createdAt":"1796600000000000001","annotations":{"a_b":"1","b_c/d_e":"2"}}]}',
  );
  assert.deepEqual(protoJson('ExecSyncResponse', { stdout: Buffer.from('hi'), exit_code: 0 }), {
    stdout: 'aGk=',
    exitCode: 0,
  });
  assert.throws(() => protoJson('Nothing', {}), /no message Nothing/);
});
