import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allKinds, apiVersionOf, type Draft, type Kind, type KubeObject, StatusError } from '#api';
import { MINIMAL } from './testdata/minimal.ts';
import { startServer } from './testdata/objects.ts';

function draft({ kind, group, version, namespaced }: Kind): Draft<KubeObject> {
  const { metadata, ...rest } = { metadata: {}, ...MINIMAL[`${kind}.${group}`] };
  // Kinds that share a storage must not meet there.
  const name = version === 'v1' ? 'web' : `web-${version}`;
  return { metadata: { name, ...(namespaced ? { namespace: 'default' } : {}), ...metadata }, ...rest };
}

/** Without what the server fills in. */
const spoken = ({
  metadata: { resourceVersion: _version, generation: _generation, managedFields: _fields, ...metadata },
  ...rest
}: KubeObject): object => ({
  ...rest,
  metadata,
});

test('every kind is created, read, listed, changed and deleted', async (t) => {
  await using server = await startServer();
  const { client } = server;
  for (const kind of allKinds) {
    // The server itself writes to definitions as soon as they are there; crd/ tests them.
    if (kind.kind === 'CustomResourceDefinition') continue;
    await t.test(`${kind.kind} of ${apiVersionOf(kind)}`, async () => {
      const wanted = draft(kind);
      const name = wanted.metadata.name!;
      const ref = { name, ...(kind.namespaced ? { namespace: 'default' } : {}) };
      const made = await client.create(kind, wanted);
      assert.equal(made.apiVersion, apiVersionOf(kind));
      assert.equal(made.kind, kind.kind);
      const read = await client.get(kind, ref);
      assert.deepEqual(read, made);
      const { items } = await client.list(kind);
      assert.deepEqual(
        items.find((item) => item.metadata.name === name),
        made,
      );
      const labelled = { ...read, metadata: { ...read.metadata, labels: { ...read.metadata.labels, changed: 'yes' } } };
      const changed = await client.update(kind, labelled);
      assert.equal(changed.metadata.labels?.['changed'], 'yes');
      assert.deepEqual(spoken(changed), spoken(labelled));
      await client.delete(kind, ref);
      const gone = await client.get(kind, ref).catch((error: unknown) => error);
      const leaves =
        gone instanceof StatusError
          ? gone.reason === 'NotFound'
          : (gone as KubeObject).metadata.deletionTimestamp !== undefined;
      assert.ok(leaves, String(gone));
    });
  }
});
