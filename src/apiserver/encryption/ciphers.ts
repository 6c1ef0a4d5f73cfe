import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Cipher } from './transformer.ts';

/** Fills the buffer with what nobody can guess. */
export type FillRandom = (target: Buffer) => void;

const BLOCK_BYTES = 16;
const TOO_SHORT = 'the stored data was shorter than the required size';

/**
 * Layout: IV of 16 bytes, then the ciphertext with PKCS#7 padding. Not bound to the key in the datastore. Source: pkg/storage/value/encrypt/aes/aes.go
 * cbc v1.36.
 */
export function newAesCbc(secret: Buffer, fillRandom: FillRandom): Cipher {
  const algorithm = `aes-${secret.length * 8}-cbc`;
  return {
    decrypt(data) {
      if (data.length < BLOCK_BYTES) throw new Error(TOO_SHORT);
      if (data.length % BLOCK_BYTES !== 0) throw new Error('the stored data is not a multiple of the block size');
      if (data.length === BLOCK_BYTES) throw new Error(NO_PADDING);
      const cipher = createDecipheriv(algorithm, secret, data.subarray(0, BLOCK_BYTES)).setAutoPadding(false);
      return unpadded(Buffer.concat([cipher.update(data.subarray(BLOCK_BYTES)), cipher.final()]));
    },
    encrypt(head, value) {
      const iv = Buffer.allocUnsafe(BLOCK_BYTES);
      fillRandom(iv);
      const cipher = createCipheriv(algorithm, secret, iv);
      return joined([head, iv, cipher.update(value), cipher.final()]);
    },
  };
}

const NO_PADDING = 'invalid PKCS7 data (empty or not padded)';

function unpadded(data: Buffer): Buffer {
  const size = data[data.length - 1]!;
  if (size === 0 || size > data.length) throw new Error(NO_PADDING);
  const end = data.length - size;
  for (let i = end; i < data.length; i++) if (data[i] !== size) throw new Error('invalid padding on input');
  return data.subarray(0, end);
}

const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;

/** Layout: nonce of 12 bytes, ciphertext, tag of 16; the key in the datastore is authenticated with it. Source: gcm, as above. */
export function newAesGcm(secret: Buffer, fillRandom: FillRandom): Cipher {
  const algorithm = `aes-${secret.length * 8}-gcm` as 'aes-256-gcm';
  return {
    decrypt(data, key) {
      if (data.length < GCM_NONCE_BYTES) throw new Error(TOO_SHORT);
      if (data.length < GCM_NONCE_BYTES + GCM_TAG_BYTES) throw new Error(FORGED);
      const end = data.length - GCM_TAG_BYTES;
      const cipher = createDecipheriv(algorithm, secret, data.subarray(0, GCM_NONCE_BYTES), {
        authTagLength: GCM_TAG_BYTES,
      });
      cipher.setAAD(Buffer.from(key, 'latin1')).setAuthTag(data.subarray(end));
      const value = cipher.update(data.subarray(GCM_NONCE_BYTES, end));
      try {
        cipher.final();
      } catch {
        throw new Error(FORGED); // OpenSSL's own words say less
      }
      return value;
    },
    encrypt(head, value, key) {
      const nonce = Buffer.allocUnsafe(GCM_NONCE_BYTES);
      fillRandom(nonce);
      const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: GCM_TAG_BYTES });
      cipher.setAAD(Buffer.from(key, 'latin1'));
      const text = cipher.update(value);
      cipher.final();
      return joined([head, nonce, text, cipher.getAuthTag()]);
    },
  };
}

/** Text of Go's crypto/cipher. */
const FORGED = 'cipher: message authentication failed';

const BOX_NONCE_BYTES = 24;
const BOX_TAG_BYTES = 16;

/** The part of @noble/ciphers that is used: it has XSalsa20, which OpenSSL has not. */
export type SecretBox = (
  key: Uint8Array,
  nonce: Uint8Array,
) => { seal(value: Uint8Array): Uint8Array; open(data: Uint8Array): Uint8Array };

/**
 * Layout: nonce of 24 bytes, then what NaCl's secretbox makes: tag of 16 bytes and ciphertext. Not bound to the key in the datastore. Source:
 * pkg/storage/value/encrypt/secretbox v1.36.
 */
export function newSecretBox(secretbox: SecretBox, secret: Buffer, fillRandom: FillRandom): Cipher {
  return {
    decrypt(data) {
      if (data.length < BOX_NONCE_BYTES + BOX_TAG_BYTES) throw new Error(TOO_SHORT);
      let value: Uint8Array;
      try {
        value = secretbox(secret, data.subarray(0, BOX_NONCE_BYTES)).open(data.subarray(BOX_NONCE_BYTES));
      } catch {
        throw new Error('output array was not large enough for encryption'); // upstream's words for a wrong key
      }
      return Buffer.from(value.buffer, value.byteOffset, value.length);
    },
    encrypt(head, value) {
      const nonce = Buffer.allocUnsafe(BOX_NONCE_BYTES);
      fillRandom(nonce);
      return joined([head, nonce, secretbox(secret, nonce).seal(value)]);
    },
  };
}

/** Not from Node's shared pool: it lives as long as the object does. */
function joined(parts: readonly Uint8Array[]): Buffer {
  const out = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
