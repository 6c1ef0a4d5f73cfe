import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ConfigMap, Node, Pod } from '#api';
import { FakeClock } from '#util';
import type { TestApiServer } from '#testing';
import { configMapDraft, podDraft, refused, startServer } from '../testdata/objects.ts';

const names = (items: readonly { metadata: { name: string } }[]): string[] => items.map((i) => i.metadata.name);
const nameOf = (i: number): string => `c${String(i).padStart(3, '0')}`;

async function fill(t: TestApiServer, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      t.client.create(ConfigMap, configMapDraft(nameOf(i), { labels: { third: String(i % 3) } })),
    ),
  );
}

test('pages show one moment, whatever is written between them', async () => {
  await using t = await startServer();
  await fill(t, 100);
  const seen: string[] = [];
  let page = await t.client.list(ConfigMap, { namespace: 'default', limit: 7 });
  const { resourceVersion } = page;
  for (;;) {
    seen.push(...names(page.items));
    assert.equal(page.resourceVersion, resourceVersion);
    if (page.continue === undefined) break;
    await t.client.delete(ConfigMap, { namespace: 'default', name: seen.at(-1)! });
    await t.client.create(ConfigMap, configMapDraft(`${seen.at(-1)!}-new`));
    page = await t.client.list(ConfigMap, { namespace: 'default', limit: 7, continue: page.continue });
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 100 }, (_, i) => nameOf(i)),
  );
});

test('pages by selector hold as many as were asked for, and none is lost', async () => {
  await using t = await startServer();
  await fill(t, 100);
  const seen: string[] = [];
  let token: string | undefined;
  do {
    const page = await t.client.list(ConfigMap, {
      limit: 5,
      labelSelector: 'third=1',
      ...(token === undefined ? {} : { continue: token }),
    });
    assert.ok(page.items.length === 5 || page.continue === undefined);
    seen.push(...names(page.items));
    token = page.continue;
  } while (token !== undefined);
  assert.deepEqual(
    seen,
    Array.from({ length: 100 }, (_, i) => i)
      .filter((i) => i % 3 === 1)
      .map(nameOf),
  );
});

test('a page tells how many are left, unless a selector hides it', async () => {
  await using t = await startServer();
  await fill(t, 10);
  const transport = t.server.transport({ name: 'admin', groups: ['system:masters'] });
  const metadata = async (query: Record<string, string>): Promise<Record<string, unknown>> =>
    ((await transport.request({ verb: 'list', kind: ConfigMap, namespace: 'default', query })) as never)['metadata'];
  const first = await metadata({ limit: '3' });
  assert.equal(first['remainingItemCount'], 7);
  const second = await metadata({ limit: '3', continue: first['continue'] as string });
  assert.equal(second['remainingItemCount'], 4);
  assert.equal((await metadata({ limit: '3', labelSelector: 'third' }))['remainingItemCount'], undefined);
  assert.equal((await metadata({ limit: '10' }))['continue'], undefined);
});

test('a page that comes too late is gone, but the rest of the list can be had', async () => {
  await using t = await startServer();
  await fill(t, 10);
  const page = await t.client.list(ConfigMap, { limit: 3 });
  await fill2(t);
  await t.store.compact(t.store.revision);
  const error = await refused(
    t.client.list(ConfigMap, { limit: 3, continue: page.continue! }),
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
  assert.equal(error.code, 410);
  const { metadata } = error.toStatus();
  const rest = await t.client.list(ConfigMap, { continue: metadata.continue! });
  assert.equal(rest.resourceVersion, String(t.store.revision));
  assert.equal(rest.items.length, 10, 'seven that were left and three that came since');
  await refused(
    t.client.list(ConfigMap, { resourceVersion: '3', query: { resourceVersionMatch: 'Exact' } }),
    'Expired',
    'The resourceVersion for the provided list is too old.',
  );
});

async function fill2(t: TestApiServer): Promise<void> {
  for (let i = 0; i < 3; i++) await t.client.create(ConfigMap, configMapDraft(`later${i}`));
}

test('continue tokens that were not given out are refused, not obeyed', async () => {
  await using t = await startServer();
  await fill(t, 3);
  const token = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const bad of ['x', '%%%', token(null), token({}), token({ v: 'meta.k8s.io/v1', rv: 1.5, start: 'a' })])
    await refused(t.client.list(ConfigMap, { continue: bad, limit: 1 }), 'BadRequest');
  const texts: Readonly<Record<string, string>> = {
    [token({ v: 'v2', rv: 1, start: 'a' })]: ': server does not recognize this encoded version v2',
    [token({ v: 'meta.k8s.io/v1', start: 'a' })]: ': incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
    [token({ v: 'meta.k8s.io/v1', rv: 1 })]: ': encoded start key empty (version meta.k8s.io/v1)',
    [token({ v: 'meta.k8s.io/v1', rv: 1, start: '../secrets/a' })]: ': ../secrets/a',
    '%%%': ': illegal base64 data at input byte 0',
    [Buffer.from('{"v":}').toString('base64url')]: ": invalid character '}' looking for beginning of value",
    [Buffer.from('{').toString('base64url')]: ': unexpected end of JSON input',
  };
  for (const [bad, text] of Object.entries(texts))
    await refused(
      t.client.list(ConfigMap, { continue: bad, limit: 1 }),
      'BadRequest',
      `invalid continue token: continue key is not valid${text}`,
    );
  const beyond = token({ v: 'meta.k8s.io/v1', rv: t.store.revision + 10, start: 'default/c' });
  await refused(t.client.list(ConfigMap, { continue: beyond, limit: 1 }), 'Timeout');
  const elsewhere = token({ v: 'meta.k8s.io/v1', rv: t.store.revision, start: '\uffff' });
  assert.deepEqual((await t.client.list(ConfigMap, { continue: elsewhere, limit: 1 })).items, []);
  await refused(
    t.client.list(ConfigMap, { continue: token({ v: 'meta.k8s.io/v1', rv: 3, start: 'a' }), resourceVersion: '5' }),
    'BadRequest',
    'specifying resource version is not allowed when using continue',
  );
});

test('a list at an exact revision shows that moment', async () => {
  await using t = await startServer();
  const first = await t.client.create(ConfigMap, configMapDraft('a'));
  const { resourceVersion } = first.metadata;
  await t.client.patch(ConfigMap, { namespace: 'default', name: 'a' }, { data: { key: 'new' } });
  await t.client.create(ConfigMap, configMapDraft('b'));
  const exact = await t.client.list(ConfigMap, { resourceVersion, query: { resourceVersionMatch: 'Exact' } });
  assert.deepEqual([exact.items, exact.resourceVersion], [[first], resourceVersion]);
  const legacy = await t.client.list(ConfigMap, { resourceVersion, limit: 5 });
  assert.deepEqual(legacy.items, [first]);
  const fresh = await t.client.list(ConfigMap, { resourceVersion, query: { resourceVersionMatch: 'NotOlderThan' } });
  assert.deepEqual(names(fresh.items), ['a', 'b']);
  assert.equal((await t.client.list(ConfigMap, { resourceVersion: '0' })).items.length, 2);
});

test('a read of a revision to come waits for it, but not for ever', async () => {
  const clock = new FakeClock(Date.now());
  await using t = await startServer({ clock });
  const next = String(t.store.revision + 1);
  const waiting = t.client.list(ConfigMap, { resourceVersion: next });
  await t.client.create(ConfigMap, configMapDraft('a'));
  assert.deepEqual(names((await waiting).items), ['a']);

  const wanted = t.store.revision + 5;
  const inVain = t.client.list(ConfigMap, { resourceVersion: String(wanted) });
  await nextTurn();
  clock.advance(3000);
  const error = await refused(
    inVain,
    'Timeout',
    `Timeout: Too large resource version: ${wanted}, current: ${t.store.revision}`,
  );
  assert.equal(error.details?.causes?.[0]?.reason, 'ResourceVersionTooLarge');
  assert.equal(error.code, 504);
});

test('selectors select', async () => {
  await using t = await startServer();
  await t.client.create(Pod, podDraft('one', {}, { labels: { app: 'web', tier: 'front' } }));
  await t.client.create(Pod, podDraft('two', {}, { labels: { app: 'web' } }));
  await t.client.create(Pod, podDraft('three', { nodeName: 'n' }, { labels: { app: 'db' } }));
  const select = async (options: object): Promise<string[]> => names((await t.client.list(Pod, options)).items);
  assert.deepEqual(await select({ labelSelector: 'app=web,!tier' }), ['two']);
  assert.deepEqual(await select({ labelSelector: 'app in (web,db),tier notin (back)' }), ['one', 'three', 'two']);
  assert.deepEqual(await select({ fieldSelector: 'spec.nodeName=n' }), ['three']);
  assert.deepEqual(await select({ fieldSelector: 'spec.nodeName!=n,metadata.name!=one' }), ['two']);
  assert.deepEqual(await select({ fieldSelector: 'metadata.name=one', namespace: 'default' }), ['one']);
  assert.deepEqual(await select({ fieldSelector: 'metadata.name=on', namespace: 'default' }), []);
  assert.deepEqual(await select({ fieldSelector: 'metadata.namespace=kube-system' }), []);
  assert.deepEqual(await select({ fieldSelector: 'metadata.name=one,metadata.namespace=default' }), ['one']);
  await refused(
    t.client.list(Pod, { fieldSelector: 'spec.hostname=x' }),
    'BadRequest',
    'field label not supported: spec.hostname',
  );
  await refused(t.client.list(Pod, { labelSelector: 'a in' }), 'BadRequest');
});

test('options of a list are checked with the texts of upstream', async () => {
  await using t = await startServer();
  const list = (query: Record<string, string>): Promise<unknown> => t.client.list(Node, { query });
  const text = 'ListOptions.meta.k8s.io "" is invalid: ';
  await refused(
    list({ resourceVersionMatch: 'Exact' }),
    'Invalid',
    `${text}resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided`,
  );
  await refused(
    list({ resourceVersionMatch: 'Exact', resourceVersion: '0' }),
    'Invalid',
    `${text}resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"`,
  );
  await refused(
    list({ resourceVersionMatch: 'About', resourceVersion: '1' }),
    'Invalid',
    `${text}resourceVersionMatch: Unsupported value: "About": supported values: "Exact", "NotOlderThan", ""`,
  );
  await refused(
    list({ sendInitialEvents: 'true' }),
    'Invalid',
    `${text}sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list`,
  );
  await refused(
    list({ resourceVersion: 'new' }),
    'BadRequest',
    'invalid resource version: resourceVersion: Invalid value: "new": strconv.ParseUint: parsing "new": invalid syntax',
  );
  await refused(list({ limit: 'all' }), 'BadRequest', 'strconv.ParseInt: parsing "all": invalid syntax');
});
