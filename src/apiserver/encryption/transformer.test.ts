import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { EncryptionProvider, KeyedProviderName } from '#api';
import type { FillRandom } from './ciphers.ts';
import { newTransformers } from './providers.ts';
import { VECTOR_KEY, VECTOR_VALUE, VECTORS } from './testdata/vectors.ts';
import { identity, type ValueTransformer } from './transformer.ts';

const secretOf = (byte: number, length = 32): string => Buffer.alloc(length, byte).toString('base64');

const keyed = (name: KeyedProviderName, ...keys: [name: string, secret: string][]): EncryptionProvider => ({
  [name]: { keys: keys.map(([own, secret]) => ({ name: own, secret })) },
});

async function transformer(
  providers: readonly EncryptionProvider[],
  { fillRandom, observed = [] }: { fillRandom?: FillRandom; observed?: string[] } = {},
): Promise<ValueTransformer> {
  const transformers = await newTransformers(
    {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [{ resources: ['secrets'], providers }],
    },
    {
      observe: () => (type, prefix, _, error) =>
        void observed.push(`${type} ${prefix} ${error === undefined ? 'ok' : 'failed'}`),
      now: () => 0,
      ...(fillRandom === undefined ? {} : { fillRandom }),
    },
  );
  return transformers({ group: '', resource: 'secrets' });
}

const value = Buffer.from(VECTOR_VALUE);

suite('the bytes are those of upstream', () => {
  for (const { provider, secret, firstByte, data } of VECTORS)
    test(`${provider} with a key of ${Buffer.from(secret, 'base64').length} bytes`, async () => {
      const own = await transformer([keyed(provider, ['key1', secret])], {
        fillRandom: (target) => target.forEach((_, i) => (target[i] = firstByte + i)),
      });
      const stored = Buffer.from(data, 'base64');
      assert.equal(own.fromStorage(stored, VECTOR_KEY).value.toString(), VECTOR_VALUE);
      assert.deepEqual(own.toStorage(value, VECTOR_KEY), stored);
    });
});

const PROVIDERS = ['aescbc', 'aesgcm', 'secretbox'] as const;

for (const name of PROVIDERS) {
  test(`${name} gives back whatever was put in, never writes the same bytes twice, and keeps none of it in the clear`, async () => {
    const own = await transformer([keyed(name, ['k', secretOf(7)])]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string({ maxLength: 40 }), (bytes, key) => {
        const latin1 = Buffer.from(key).toString('latin1');
        const data = own.toStorage(Buffer.from(bytes), latin1);
        assert.ok(data.toString('latin1').startsWith(`k8s:enc:${name}:v1:k:`));
        assert.notDeepEqual(own.toStorage(Buffer.from(bytes), latin1), data);
        assert.deepEqual(Buffer.from(own.fromStorage(data, latin1).value), Buffer.from(bytes));
        if (bytes.length > 8) assert.ok(!data.includes(Buffer.from(bytes)));
      }),
    );
  });

  test(`${name} never takes bytes of any kind for more than an error`, async () => {
    const own = await transformer([keyed(name, ['k', secretOf(7)])]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const data = Buffer.concat([Buffer.from(`k8s:enc:${name}:v1:k:`), bytes]);
        try {
          assert.ok(own.fromStorage(data, 'x').value.length <= data.length);
        } catch (error) {
          assert.match((error as Error).message, /^(?:the stored|cipher: |output|inval)/);
        }
      }),
    );
  });
}

test('a value changed in one bit is refused where values are authenticated', async () => {
  for (const name of ['aesgcm', 'secretbox'] as const) {
    const own = await transformer([keyed(name, ['k', secretOf(7)])]);
    const data = own.toStorage(value, VECTOR_KEY);
    const head = `k8s:enc:${name}:v1:k:`.length;
    for (let at = head; at < data.length; at++) {
      const changed = Buffer.from(data);
      changed[at]! ^= 1;
      assert.throws(() => own.fromStorage(changed, VECTOR_KEY), `${name} ${at}`);
    }
    for (let length = head; length < data.length; length++)
      assert.throws(() => own.fromStorage(data.subarray(0, length), VECTOR_KEY), `${name} ${length}`);
  }
});

test('a value copied to another key of the datastore is refused by aesgcm, and read by the others as by upstream', async () => {
  for (const name of PROVIDERS) {
    const own = await transformer([keyed(name, ['k', secretOf(7)])]);
    const read = (): unknown => own.fromStorage(own.toStorage(value, '/registry/secrets/a/a'), '/registry/secrets/b/b');
    if (name === 'aesgcm') assert.throws(read, { message: 'cipher: message authentication failed' });
    else assert.doesNotThrow(read);
  }
});

test('wrong keys, missing keys and missing providers say what upstream says', async () => {
  const texts: Record<KeyedProviderName, [wrong: RegExp, missing: string]> = {
    aescbc: [/^invalid (?:PKCS7 data \(empty or not padded\)|padding on input)$/, 'AES'],
    aesgcm: [/^cipher: message authentication failed$/, 'AES'],
    secretbox: [/^output array was not large enough for encryption$/, 'Secretbox'],
  };
  for (const name of PROVIDERS) {
    const stored = (await transformer([keyed(name, ['k', secretOf(1)])], { fillRandom: (t) => t.fill(0) })).toStorage(
      value,
      'x',
    );
    const [wrong, missing] = texts[name];
    const other = await transformer([keyed(name, ['k', secretOf(2)])]);
    assert.throws(() => other.fromStorage(stored, 'x'), { message: wrong });
    const named = await transformer([keyed(name, ['other', secretOf(1)])]);
    const text = `no matching key was found for the provided ${missing} transformer`;
    assert.throws(() => named.fromStorage(stored, 'x'), { message: text });
    const none = await transformer([{ identity: {} }]);
    assert.throws(() => none.fromStorage(stored, 'x'), { message: 'no matching prefix found' });
    assert.throws(() => identity.fromStorage(stored, 'x'), {
      message: 'identity transformer tried to read encrypted data',
    });
  }
});

test('every key that fits is tried, the first writes, and what another wrote is told from it', async () => {
  const old = await transformer([keyed('aesgcm', ['k', secretOf(1)])]);
  const plain = await transformer([{ identity: {} }]);
  const own = await transformer([
    keyed('aesgcm', ['new', secretOf(3)], ['k', secretOf(2)]),
    { identity: {} },
    keyed('aesgcm', ['k', secretOf(1)]),
  ]);
  const read = (data: Buffer): boolean => {
    const { value: got, writer } = own.fromStorage(data, 'x');
    assert.equal(got.toString(), VECTOR_VALUE);
    return writer === own.writer;
  };
  assert.equal(read(own.toStorage(value, 'x')), true);
  assert.equal(read(old.toStorage(value, 'x')), false);
  assert.equal(read(plain.toStorage(value, 'x')), false);
  assert.ok(!own.writer.includes(secretOf(3)), 'what tells keys apart must not tell them');
  // Two of that name fail: both are said, once where they say the same.
  const strange = (await transformer([keyed('aesgcm', ['k', secretOf(9)])])).toStorage(value, 'x');
  assert.throws(() => own.fromStorage(strange, 'x'), { message: 'cipher: message authentication failed' });
});

test('transformations are counted at both levels, as upstream counts them', async () => {
  const observed: string[] = [];
  const own = await transformer([keyed('aescbc', ['k', secretOf(1)]), { identity: {} }], { observed });
  own.fromStorage(own.toStorage(value, 'x'), 'x');
  own.fromStorage(value, 'x');
  assert.throws(() => own.fromStorage(Buffer.from('k8s:enc:kms:v2:x:'), 'x'));
  assert.deepEqual(observed, [
    'to_storage k: ok',
    'to_storage k8s:enc:aescbc:v1: ok',
    'from_storage k: ok',
    'from_storage k8s:enc:aescbc:v1: ok',
    'from_storage identity ok',
    'from_storage unknown failed',
  ]);
});
