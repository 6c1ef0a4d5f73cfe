/**
 * YAML as sigs.k8s.io/yaml reads it (go-yaml v2): YAML 1.1 booleans (`yes`, `on`), octal `0777`, merge keys; but no sexagesimal numbers, and
 * what looks like a date stays text. JSON is tried first: requests that say YAML mostly carry it.
 */
import {
  boolYaml11Tag,
  defineScalarTag,
  FAILSAFE_SCHEMA,
  load,
  loadAll,
  type LoadOptions,
  mergeTag,
  NOT_RESOLVED,
  nullYaml11Tag,
  Schema,
  YAMLException,
} from 'js-yaml';
import { setOwn } from '../equality.ts';
import { MAX_DEPTH } from './depth.ts';
import { countKeys, keysOf, parseJsonText } from './json-scan.ts';

const NUMBER_STARTS = ['-', '+', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
const INTEGER = /^([-+]?)(?:0[bB]([01]+)|0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const SPECIAL_FLOAT = /^([-+]?)\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/;

function number(text: string): number | typeof NOT_RESOLVED {
  const plain = text.replaceAll('_', '');
  const integer = INTEGER.exec(plain);
  if (integer !== null) {
    const [, sign, binary, hex, octal, decimal] = integer;
    const value =
      binary !== undefined
        ? parseInt(binary, 2)
        : hex !== undefined
          ? parseInt(hex, 16)
          : octal !== undefined
            ? parseInt(octal, 8)
            : Number(decimal);
    return sign === '-' ? -value : value;
  }
  if (FLOAT.test(plain)) return Number(plain);
  const special = SPECIAL_FLOAT.exec(text);
  if (special === null) return NOT_RESOLVED;
  return special[1] === undefined ? NaN : special[1] === '-' ? -Infinity : Infinity;
}

const numberTag = defineScalarTag('tag:yaml.org,2002:float', {
  implicit: true,
  implicitFirstChars: NUMBER_STARTS,
  resolve: number,
  identify: (value) => typeof value === 'number',
  represent: String,
});

/** Also tells a writer which texts must be quoted to be read as texts again. */
export const yamlSchema = new Schema([...FAILSAFE_SCHEMA.tags, nullYaml11Tag, boolYaml11Tag, numberTag, mergeTag]);

const OPTIONS: LoadOptions = { schema: yamlSchema, maxDepth: MAX_DEPTH, maxAliases: 10_000 };
/** Values one document may have once its aliases are written out. Source: the idea of go-yaml's "excessive aliasing". */
const MAX_NODES = 1_000_000;

/** YAML that cannot be read; the message is go-yaml's frame around the reader's own words: `yaml: line 3: …`. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

function failed(error: unknown): YamlError {
  if (error instanceof YamlError) return error;
  if (error instanceof YAMLException) {
    const where = error.mark === undefined ? '' : `line ${error.mark.line + 1}: `;
    return new YamlError(`yaml: ${where}${error.reason}`, { cause: error });
  }
  return new YamlError(`yaml: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

/** Aliases share what they name; written out, so that what follows sees a tree of bounded size. */
function asTree(value: unknown): unknown {
  let nodes = 0;
  const copy = (node: unknown, depth: number): unknown => {
    if (++nodes > MAX_NODES || depth > MAX_DEPTH) throw new YamlError('yaml: document contains excessive aliasing');
    if (typeof node === 'number' && !Number.isFinite(node)) {
      throw new YamlError(`json: unsupported value: ${Number.isNaN(node) ? 'NaN' : node > 0 ? '+Inf' : '-Inf'}`);
    }
    // Source: yaml_parser_scan_flow_scalar of go-yaml v2.
    if (typeof node === 'string' && !node.isWellFormed())
      throw new YamlError('yaml: found invalid Unicode character escape code');
    if (typeof node !== 'object' || node === null) return node;
    if (Array.isArray(node)) return node.map((item) => copy(item, depth + 1));
    const tree: Record<string, unknown> = {};
    for (const [key, own] of Object.entries(node)) setOwn(tree, key, copy(own, depth + 1));
    return tree;
  };
  return copy(value, 0);
}

const isEmpty = (text: string): boolean => /^(?:\s|#.*(?:\n|$)|---(?:\s|$)|\.\.\.(?:\s|$))*$/.test(text);

/** The one document of a YAML or JSON text; null when there is none. Throws YamlError. */
export function parseYaml(text: string): unknown {
  try {
    return parseJsonText(text);
  } catch {
    // no JSON: it has to be YAML
  }
  try {
    return isEmpty(text) ? null : asTree(load(text, { ...OPTIONS, json: true }));
  } catch (error) {
    throw failed(error);
  }
}

/** Every document of a YAML text that says something. Throws YamlError. */
export function parseYamlDocuments(text: string): unknown[] {
  try {
    const documents = loadAll(text, { ...OPTIONS, json: true });
    return documents.map(asTree).filter((document) => document !== null && document !== undefined);
  } catch (error) {
    throw failed(error);
  }
}

/** What go-yaml's strict reading says of a key that stands twice; undefined when none does. */
export function duplicateKey(text: string): string | undefined {
  try {
    load(text, OPTIONS);
    return undefined;
  } catch (error) {
    if (!(error instanceof YAMLException) || error.reason !== 'duplicated mapping key' || error.mark === undefined)
      return undefined;
    const { line } = error.mark;
    const key = /^[\s{,-]*(?:"([^"]*)"|'([^']*)'|([^:]*))\s*:/.exec(
      (text.split('\n')[line] ?? '').slice(Math.max(0, error.mark.column)),
    );
    const name = key?.[1] ?? key?.[2] ?? key?.[3] ?? '';
    // The mark of a quoted key may stand behind its opening quote.
    const plain = name.trim().replace(/["']$/, '');
    return `yaml: unmarshal errors:\n  line ${line + 1}: key ${JSON.stringify(plain)} already set in map`;
  }
}

/** What reading a text came to. */
export interface YamlText {
  /** Where there is no error. */
  readonly value?: unknown;
  /** Message of the YamlError. */
  readonly error?: string | undefined;
  /** As of {@link duplicateKey}, where it was asked for. */
  readonly twice?: string | undefined;
}

/** What a text of JSON says, which is read much quicker. Undefined: it is none, or its duplicates have to be looked for. */
export function readJsonText(text: string, duplicates: boolean): YamlText | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  let value: unknown;
  try {
    value = parseJsonText(text);
  } catch {
    return undefined; // it may be YAML in braces
  }
  return duplicates && countKeys(text) !== keysOf(value) ? undefined : { value };
}

/** Both at once; does not throw. */
export function readYaml(text: string, duplicates: boolean): YamlText {
  const known = readJsonText(text, duplicates);
  if (known !== undefined) return known;
  try {
    const value = parseYaml(text);
    return { value, twice: duplicates && value !== null ? duplicateKey(text) : undefined };
  } catch (error) {
    if (error instanceof YamlError) return { error: error.message };
    throw error;
  }
}
