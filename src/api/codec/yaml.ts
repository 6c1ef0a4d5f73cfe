/** YAML bodies of requests. */
import { type BodyTarget, type Decoded, decodeObject, type DecodeOptions, unrecognized } from './target.ts';
import { readYaml, type YamlText } from './yaml-text.ts';

/** Decodes a YAML body. Throws StatusError BadRequest. */
export function decodeYaml(body: Uint8Array | string, target: BodyTarget, options: DecodeOptions = {}): Decoded {
  const text =
    typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  return decodeYamlText(body, readYaml(text, options.fieldValidation !== 'Ignore'), target, options);
}

/** The same of a body that has been read. */
export function decodeYamlText(
  body: Uint8Array | string,
  { value, error, twice }: YamlText,
  target: BodyTarget,
  options: DecodeOptions = {},
): Decoded {
  if (error !== undefined) throw unrecognized(target, `error converting YAML to JSON: ${error}`, body);
  if (value !== null && (typeof value !== 'object' || Array.isArray(value))) {
    throw unrecognized(
      target,
      `couldn't get version/kind; json parse error: cannot read an object from ${Array.isArray(value) ? 'a list' : 'a scalar'}`,
      body,
    );
  }
  return decodeObject(value, target, options, () => [], twice === undefined ? [] : [twice]);
}
