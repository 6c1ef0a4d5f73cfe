import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type EncryptionConfiguration, parseEncryptionConfiguration } from '#api';
import { errorCode } from '#linux';
import { writeFileAtomic } from '../files.ts';

export interface EncryptionFile {
  readonly configuration: EncryptionConfiguration;
  /** As the API server tells which file it has taken. */
  readonly hash: string;
}

const hashOf = (data: Buffer | string): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;

/** Reads the file of --encryption-provider-config; throws what is wrong with it. */
export async function readEncryptionFile(file: string): Promise<EncryptionFile> {
  let data: Buffer;
  try {
    data = await readFile(file);
  } catch (error) {
    throw new Error(`cannot read the encryption configuration ${file}: ${errorCode(error) ?? String(error)}`, {
      cause: error,
    });
  }
  return { configuration: parseEncryptionConfiguration(data.toString('utf8'), file), hash: hashOf(data) };
}

/** Replaces the file as a whole, for its owner's eyes only, and waits for the disk: keys in use must not be lost. Returns its hash. */
export async function writeEncryptionFile(file: string, configuration: EncryptionConfiguration): Promise<string> {
  const { uid, gid } = await stat(file);
  const text = `${JSON.stringify(configuration, undefined, 2)}\n`;
  await writeFileAtomic(file, text, { mode: 0o600, owner: { uid, gid }, durable: true });
  return hashOf(text);
}
