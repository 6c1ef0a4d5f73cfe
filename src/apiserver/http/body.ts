import {
  applyPatch,
  type BodyTarget,
  type ChangePatchType,
  type Decoded,
  type DecodeOptions,
  decodeProtobuf,
  decodeYaml,
  decodeYamlText,
  type FieldValidation,
  type Configuration,
  configurationOf,
  type Kind,
  type KubeObject,
  parseConfiguration,
  parsePatch,
  readJson,
  readJsonText,
  StatusError,
  strictPatchErrors,
  type YamlText,
  type YamlThread,
} from '#api';
import type { ApiCall } from '../handlers/call.ts';
import { CHANGES, patchTypesOf, unsupportedPatch } from '../handlers/patch.ts';
import { pauseOf, turn } from '../registry/pace.ts';
import type { RequestContext } from './context.ts';
import { CONTENT_TYPES, PROTOBUF } from './negotiate.ts';

const YAML = 'application/yaml';

/** Source: MaxRequestBodyBytes of the generic API server v1.36. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** What the query says; {@link writeScope} refuses other values. Warn is the default since v1.27. */
function fieldValidationOf(value: string | null): FieldValidation {
  return value === 'Ignore' || value === 'Strict' ? value : 'Warn';
}

export const mediaType = (context: RequestContext): string =>
  (context.request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();

function warned(context: RequestContext, { object, warnings }: Decoded): KubeObject {
  for (const text of warnings) context.warn(text);
  return object;
}

const optionsOf = ({ request }: RequestContext): { fieldValidation: FieldValidation } => ({
  fieldValidation: fieldValidationOf(request.query.get('fieldValidation')),
});

async function bodyOf(context: RequestContext): Promise<Buffer> {
  const bytes = await context.request.body(MAX_BODY_BYTES);
  context.loadBytes = bytes.length;
  return bytes;
}

/** The body as an object: decoded by its content type, as strictly as the query says. Undefined for an empty one. */
export async function readObject(
  context: RequestContext,
  target: BodyTarget,
  yaml: YamlThread,
): Promise<KubeObject | undefined> {
  const bytes = await bodyOf(context);
  if (bytes.length === 0) return undefined;
  const type = mediaType(context);
  if (type === YAML && pauseOf(context) !== undefined) {
    const options = optionsOf(context);
    const read = await readLargeYaml(context, bytes, yaml, options.fieldValidation !== 'Ignore');
    return warned(context, decodeYamlText(bytes, read, target, options));
  }
  const decode = readBytes(bytes, type, target);
  const pause = pauseOf(context);
  if (pause !== undefined) await pause();
  return warned(context, decode(optionsOf(context)));
}

/** `kind` is the one the path names, whatever the patch is applied to. */
export async function readPatch(context: RequestContext, kind: Kind): ReturnType<ApiCall['patch']> {
  const type = mediaType(context) as ChangePatchType;
  if (!CHANGES.includes(type) || !patchTypesOf(kind).includes(type)) throw unsupportedPatch(kind);
  const body = await bodyOf(context);
  const patch = parsePatch(type, body);
  const options = optionsOf(context);
  const pause = pauseOf(context);
  if (pause !== undefined) await pause();
  const strict = options.fieldValidation === 'Ignore' ? [] : strictPatchErrors(type, body.toString(), patch);
  return (current, target) => warned(context, applyPatch(type, current, patch, target, options, strict));
}

export async function readConfiguration(context: RequestContext, yaml: YamlThread): Promise<Configuration> {
  const bytes = await bodyOf(context);
  if (pauseOf(context) === undefined) return parseConfiguration(bytes);
  const isStrict = optionsOf(context).fieldValidation !== 'Ignore';
  return configurationOf(await readLargeYaml(context, bytes, yaml, isStrict));
}

/** YAML in another thread; JSON is quickly read. */
async function readLargeYaml(
  { signal }: RequestContext,
  bytes: Buffer,
  yaml: YamlThread,
  duplicates: boolean,
): Promise<YamlText> {
  const text = bytes.toString('utf8');
  const read = readJsonText(text, duplicates) ?? (await yaml.read(text, duplicates, { signal }));
  await turn();
  return read;
}

/** What decodes the body, which has been read as far as it can be without knowing how strictly. */
function readBytes(bytes: Buffer, type: string, target: BodyTarget): (options: DecodeOptions) => Decoded {
  switch (type) {
    case '':
    case 'application/json':
      return readJson(bytes, target);
    case YAML:
      return (options) => decodeYaml(bytes, target, options);
    case PROTOBUF:
      return () => decodeProtobuf(bytes, target);
    default:
      throw new StatusError(
        'UnsupportedMediaType',
        `the body of the request was in an unknown format - accepted media types include: ${Object.values(CONTENT_TYPES).join(', ')}`,
      );
  }
}
