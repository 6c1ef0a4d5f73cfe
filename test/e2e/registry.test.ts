import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildImage, busyboxImage, startRegistry } from '#testing';

const credentials = (word: string): RequestInit => ({
  headers: { authorization: `Basic ${btoa(word)}`, accept: 'application/vnd.oci.image.manifest.v1+json' },
});

test('a pushed image is served to who knows the password, and to nobody else', async () => {
  const image = await buildImage(busyboxImage());
  await using registry = await startRegistry({ host: '127.0.0.1', port: 0, users: { ada: 'lovelace' } });
  const digest = await registry.push(image, 'lib/busybox', '1');
  const manifest = `${registry.url}/v2/lib/busybox/manifests/1`;

  const welcome = await fetch(manifest, credentials('ada:lovelace'));
  assert.equal(welcome.status, 200);
  assert.equal(welcome.headers.get('docker-content-digest'), digest);
  assert.equal((await fetch(manifest)).status, 401);
  assert.equal((await fetch(manifest, credentials('ada:babbage'))).status, 401);
  assert.match(await registry.log(), /PUT/);
});

test('a registry that cannot start says why', async () => {
  await using first = await startRegistry({ host: '127.0.0.1', port: 0 });
  const port = Number(new URL(first.url).port);
  await assert.rejects(startRegistry({ host: '127.0.0.1', port }), /address already in use/);
});

test('building an image twice builds it once', async () => {
  const file = await buildImage(busyboxImage());
  assert.equal(await buildImage(busyboxImage()), file);
});
