import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CriError } from '#cri';
import { FakeClock, silentLogger } from '#util';
import { FakeCri } from '../testing/fake-cri.ts';
import { settle, until } from '../testing/node.ts';
import { newRuntimeMonitor } from './runtime-health.ts';

it('a runtime that is away for less than 30 s does not make the node unready', async () => {
  const clock = new FakeClock();
  const cri = new FakeCri(clock);
  let away = false;
  const runtime = {
    ...cri.runtime,
    version: cri.runtime.version,
    status: (...args: Parameters<typeof cri.runtime.status>) =>
      away ? Promise.reject(new CriError('Status', 'Unavailable', 'connection refused')) : cri.runtime.status(...args),
  };
  const monitor = newRuntimeMonitor({ runtime, clock, log: silentLogger, onChange: () => {} });
  const stop = new AbortController();
  const running = monitor.run({ signal: stop.signal });
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1000) {
      clock.advance(1000);
      await settle();
    }
  };
  assert.deepEqual(monitor.health.runtimeErrors, ['container runtime status check may not have completed yet']);
  await until(() => monitor.health.runtimeErrors.length === 0);
  assert.equal(monitor.health.version, '1.6.20');
  away = true;
  await pass(25_000);
  assert.deepEqual(monitor.health.runtimeErrors, []);
  await pass(15_000);
  assert.deepEqual(monitor.health.runtimeErrors, ['container runtime is down']);
  away = false;
  await pass(2_000);
  assert.deepEqual(monitor.health.runtimeErrors, []);
  stop.abort(new Error('done'));
  await running;
});

it('a runtime that never comes up is asked ever less often', async () => {
  const clock = new FakeClock();
  let asked = 0;
  const refuse = (): Promise<never> => {
    asked++;
    return Promise.reject(new CriError('Version', 'Unavailable', 'connection refused'));
  };
  const runtime = { ...new FakeCri(clock).runtime, version: refuse };
  const monitor = newRuntimeMonitor({ runtime, clock, log: silentLogger, onChange: () => {} });
  const stop = new AbortController();
  const running = monitor.run({ signal: stop.signal });
  const pass = async (ms: number, stepMs: number): Promise<number> => {
    asked = 0;
    for (let passed = 0; passed < ms; passed += stepMs) {
      clock.advance(stepMs);
      await settle();
    }
    return asked;
  };
  assert.ok((await pass(1000, 100)) >= 9);
  await pass(60_000, 500);
  assert.equal(await pass(10_000, 500), 2);
  stop.abort(new Error('done'));
  await running;
});
