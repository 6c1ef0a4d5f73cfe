import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessesOf, parseRoute } from './routes.ts';
import { parseSize } from './streaming/remote-command.ts';
import { offeredProtocols, parsePorts, parseStreamOptions } from './streaming/stream-options.ts';

test('paths name a container of a pod, with or without the uid of the pod', () => {
  const names = { namespace: 'default', pod: 'web-0', container: 'main' };
  assert.deepEqual(parseRoute('POST', '/exec/default/web-0/main'), { kind: 'exec', uid: undefined, ...names });
  assert.deepEqual(parseRoute('GET', '/attach/default/web-0/u-1/main'), { kind: 'attach', uid: 'u-1', ...names });
  assert.deepEqual(parseRoute('GET', '/containerLogs/default/web-0/main'), {
    kind: 'containerLogs',
    uid: undefined,
    ...names,
  });
  assert.deepEqual(parseRoute('GET', '/portForward/default/web-0/u-1'), {
    kind: 'portForward',
    namespace: 'default',
    pod: 'web-0',
    uid: 'u-1',
  });
  assert.deepEqual(parseRoute('GET', '/pods/'), { kind: 'pods' });
});

for (const path of [
  '/',
  '/exec/default/web-0',
  '/exec/default/web-0/u/main/more',
  '/exec//web-0/main',
  '/containerLogs/default/web-0/u-1/main',
  '/portForward/default',
  '/stats',
  '/pods/web',
]) {
  test(`there is nothing at ${path}`, () => {
    assert.throws(() => parseRoute('GET', path), { code: 404, message: '404: Page Not Found' });
  });
}

test('a method the path does not take, and a broken path, are told apart from a missing one', () => {
  assert.throws(() => parseRoute('DELETE', '/pods'), { code: 405, message: 'Method Not Allowed' });
  assert.throws(() => parseRoute('GET', '/run/default/web-0/main'), { code: 405 });
  assert.throws(() => parseRoute('GET', '/exec/default/%zz/main'), { code: 400 });
});

test('each path asks for its own permission, which nodes/proxy may stand for where upstream lets it', () => {
  const user = { name: 'a', groups: ['g'] };
  const asked = (method: string, path: string): string[] =>
    accessesOf(user, method, parseRoute(method, path)).map(({ verb, subresource }) => `${verb} ${subresource}`);
  assert.deepEqual(asked('GET', '/pods'), ['get pods', 'get proxy']);
  assert.deepEqual(asked('GET', '/healthz'), ['get healthz', 'get proxy']);
  assert.deepEqual(asked('GET', '/stats/summary'), ['get stats']);
  assert.deepEqual(asked('GET', '/metrics/resource'), ['get metrics']);
  assert.deepEqual(asked('POST', '/exec/default/web-0/main'), ['create proxy']);
});

test('streams are asked for one by one, and a terminal has no stderr', () => {
  const parse = (query: string) => parseStreamOptions(new URLSearchParams(query));
  assert.deepEqual(parse('input=1&output=1&error=1&tty=1'), { stdin: true, stdout: true, stderr: false, tty: true });
  assert.throws(() => parse('input=0&tty=1&error=1'), { code: 400 });
});

test('ports are numbers from 1 to 65535', () => {
  const parse = (query: string) => parsePorts(new URLSearchParams(query));
  assert.deepEqual(parse('port=80&port=443,8080'), [80, 443, 8080]);
  assert.throws(() => parse(''), { code: 400, message: 'query parameter "port" is required' });
  assert.throws(() => parse('port=http'), { code: 400, message: 'unable to parse "http" as a port' });
  assert.throws(() => parse('port=65536'), { code: 400 });
  assert.throws(() => parse('port=0'), { code: 400, message: 'port "0" must be > 0' });
});

test('sub-protocols are those of a WebSocket only', () => {
  const header = { 'sec-websocket-protocol': 'v5.channel.k8s.io, v4.channel.k8s.io' };
  assert.deepEqual(offeredProtocols({ upgrade: 'WebSocket', ...header }), ['v5.channel.k8s.io', 'v4.channel.k8s.io']);
  assert.deepEqual(offeredProtocols({ upgrade: 'SPDY/3.1', ...header }), []);
});

test('the size of a terminal is two small numbers, and nothing else is one', () => {
  assert.deepEqual(parseSize('{"Width":133,"Height":44}'), { width: 133, height: 44 });
  for (const text of ['', 'null', '[]', '{"Width":133}', '{"Width":-1,"Height":1}', '{"Width":1e9,"Height":1}']) {
    assert.equal(parseSize(text), undefined, text);
  }
});
