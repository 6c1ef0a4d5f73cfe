import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CLIENT_NODE, jsonName, modelText } from './models.ts';

const ROOT = join(import.meta.dirname, '..');
const SCHEMA = join(ROOT, 'src/api/generated/schema.json');
const FILE = join(ROOT, '.cache/descriptions.json.gz');

/**
 * Writes what `kubectl explain` says of definitions and fields to `.cache/`, from the comments of `@kubernetes/client-node`: upstream's
 * prose, which stays out of the source. Nothing to do when that is there already, and nothing that can be done without the package.
 */
export function writeDescriptions(): void {
  const sources = [join(CLIENT_NODE, 'package.json'), SCHEMA, import.meta.filename];
  if (!sources.every((file) => existsSync(file))) return;
  if (existsSync(FILE) && sources.every((file) => changedMs(file) <= changedMs(FILE))) return;
  const descriptions: Record<string, Record<string, string>> = {};
  for (const name of Object.keys(JSON.parse(readFileSync(SCHEMA, 'utf8')) as object)) {
    const texts = descriptionsOf(modelText(name) ?? '');
    if (Object.keys(texts).length > 0) descriptions[name] = texts;
  }
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  writeFileSync(`${FILE}.new`, gzipSync(JSON.stringify(descriptions), { level: 9 }));
  renameSync(`${FILE}.new`, FILE);
}

/** When a file's status last changed: its contents may be older, as npm unpacks them. */
const changedMs = (file: string): number => statSync(file).ctimeMs;

/** Field, or '' for the class itself → its comment. */
function descriptionsOf(model: string): Record<string, string> {
  const found = model.matchAll(/^( {4})?\/\*\*\n\s*\* (.*)\n\s*\*\/\n(?: {4}'(?<field>\w+)'|export declare class )/gm);
  return Object.fromEntries([...found].map((match) => [jsonName(match.groups?.['field'] ?? ''), unescaped(match[2]!)]));
}

/** The generator escapes for JavaScript's sake what stands in a comment: quotes, backslashes and the comment's own end. */
const unescaped = (text: string): string =>
  text
    .replaceAll(/\\(['"\\])/g, '$1')
    .replaceAll('*_/', '*/')
    .trim();
