import { readJsonText, readYaml, type YamlText } from '../codec/yaml-text.ts';
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
  const known = readJsonText(text, true);
  return known === undefined
    ? configurationOf(readYaml(text, false), () => readYaml(text, true).twice)
    : configurationOf(known);
}

/** The same of a body that has been read. `found`: what stands there twice; default: what was found as it was read. */
export function configurationOf(
  { value, error, twice }: YamlText,
  found = (): string | undefined => twice,
): Configuration {
  if (error !== undefined) throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error}`);
  if (value !== null && !isMap(value)) {
    const word = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    throw badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${word} into Go value of type map[string]interface {}`,
    );
  }
  return {
    value: value ?? {},
    duplicate() {
      const key = found();
      return key === undefined ? undefined : `error converting YAML to JSON: ${key}`;
    },
  };
}

export const strictError = (duplicate: string): Error => badRequest(`error strict decoding YAML: ${duplicate}`);
