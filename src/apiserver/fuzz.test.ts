import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestLine } from '../../test/fuzz/api/request.ts';
import { runFuzz } from '../../test/fuzz/api/run.ts';
import { plant, sweep } from '../../test/fuzz/api/server/sweep.ts';
import { startTarget } from '../../test/fuzz/api/server/target.ts';
import { runSockets } from '../../test/fuzz/api/wire/sockets.ts';

const REQUESTS = 4000;
const OVER_SOCKETS = 400;
/** As many as there are objects of one kind. */
const ROUNDS = [0, 1, 2, 3, 4, 5, 6, 7];
const SEED = 20_300_101;

test('what mutations start from is valid', async () => {
  await using target = await startTarget();
  for (const round of ROUNDS) {
    assert.deepEqual(await plant(target, round), []);
    await sweep(target);
  }
});

test(`${REQUESTS} strange requests are answered, none with an error of the server`, async () => {
  const { failures, statuses } = await runFuzz({ runs: REQUESTS, seed: SEED });
  assert.deepEqual(
    failures.map(({ problem, request }) => `${problem}: ${requestLine(request)}`),
    [],
  );
  for (const status of [200, 201, 400, 403, 404, 405, 406, 409, 415, 422])
    assert.ok((statuses.get(status) ?? 0) > 0, `no answer was ${status}: ${JSON.stringify([...statuses])}`);
});

test(`${OVER_SOCKETS} broken requests over connections do the server no harm`, async () => {
  const { answers, problems } = await runSockets(OVER_SOCKETS, SEED);
  assert.deepEqual(problems, []);
  assert.ok(answers > OVER_SOCKETS / 4, `only ${answers} were answered`);
});
