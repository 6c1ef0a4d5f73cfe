import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type EncryptionConfiguration, parseEncryptionConfiguration } from '#api';
import { errorCode } from '#linux';

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
