import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** Definition (`core.v1.Pod`) → field, or '' for the definition itself → what it is for. */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const NO_DESCRIPTIONS: Descriptions = {};

/**
 * Reads the descriptions from disk, none if there are none. A megabyte: for as long as documents are built, not for keeps. Upstream's prose is no part
 * of the program: setting up takes it from the client library, when that is installed.
 */
export function readDescriptions(file: string): Descriptions {
  let compressed: Buffer;
  try {
    compressed = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NO_DESCRIPTIONS;
    throw error;
  }
  return JSON.parse(gunzipSync(compressed).toString('utf8')) as Descriptions;
}
