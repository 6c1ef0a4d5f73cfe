import { keysOf } from '../codec/decode.ts';
import { countKeys } from '../codec/json-scan.ts';
import { duplicateKey, parseYaml, YamlError } from '../codec/yaml.ts';
import { badRequest } from '../status.ts';
import { isMap, type JsonObject } from './typed/type.ts';

export interface Configuration {
  readonly value: JsonObject;
  /**
   * What strict reading has against the body: a key that stands twice. Upstream looks only after the apply has succeeded; then it is
   * {@link strictError} for fieldValidation Strict, and a warning for Warn.
   */
  readonly duplicate: () => string | undefined;
}

/** The body of an apply, YAML or JSON. Throws StatusError BadRequest. Source: applyPatcher, apiserver pkg/endpoints/handlers/patch.go v1.36. */
export function parseConfiguration(body: Uint8Array | string): Configuration {
  const text =
    typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
  }
  if (value !== null && !isMap(value)) {
    const word = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    throw badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${word} into Go value of type map[string]interface {}`,
    );
  }
  const config = value ?? {};
  return { value: config, duplicate: () => duplicateIn(text, config) };
}

export const strictError = (duplicate: string): Error => badRequest(`error strict decoding YAML: ${duplicate}`);

/** JSON is most of what comes, and counting its keys is much quicker than reading it as YAML. */
function duplicateIn(text: string, value: JsonObject): string | undefined {
  if (/^\s*\{/.test(text) && isJson(text) && countKeys(text) === keysOf(value)) return undefined;
  const found = duplicateKey(text);
  return found === undefined ? undefined : `error converting YAML to JSON: ${found}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // it was read as YAML
  }
}
