/** What upstream's API server has written to an etcd, of every kind there is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allKinds, apiVersionOf, encodeProtobuf, type Kind, type KubeObject } from '#api';
import { randomObject } from '../src/api/codec/random-object.ts';
import { isOwn, readForeign } from '../src/apiserver/watchcache/foreign.ts';

const SEEDS = 8;

const storageOf = (kind: Kind): Kind => kind.storedAs?.kind ?? kind;
const keptWith = (kind: Kind): Kind[] => allKinds.filter((own) => storageOf(own) === storageOf(kind));

/** As Go writes JSON: the kind first, and a new line behind. */
const goJson = ({ apiVersion, kind, ...rest }: KubeObject): Buffer =>
  Buffer.from(`${JSON.stringify({ kind, apiVersion, ...rest })}\n`);

test('every kind is read from protobuf and from Go’s JSON, in all its versions, and the same of both', () => {
  assert.ok(allKinds.length > 50);
  for (const kind of allKinds)
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = randomObject(kind.definition, seed, 0.3) as { metadata?: object };
      const object = {
        ...random,
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        metadata: { ...random.metadata, name: 'a', resourceVersion: '5' },
      } as unknown as KubeObject;
      const value = encodeProtobuf(object, kind.definition);
      assert.ok(!isOwn(value));
      const read = readForeign(value, keptWith(kind));
      const what = `${apiVersionOf(kind)} ${kind.kind}, seed ${seed}`;
      assert.ok(isOwn(read), what);
      assert.deepEqual(
        JSON.parse(read.toString()),
        JSON.parse(readForeign(goJson(object), keptWith(kind)).toString()),
        what,
      );
      const { apiVersion, metadata } = JSON.parse(read.toString()) as KubeObject;
      assert.equal(apiVersion, apiVersionOf(storageOf(kind)), what);
      assert.equal(metadata.resourceVersion, undefined, what);
    }
});
