import {
  applyPatch,
  type BodyTarget,
  type ChangePatchType,
  type Decoded,
  decodeJson,
  decodeProtobuf,
  decodeYaml,
  type FieldValidation,
  type Configuration,
  type Kind,
  type KubeObject,
  parseConfiguration,
  parsePatch,
  StatusError,
  strictPatchErrors,
} from '#api';
import type { ApiCall } from '../handlers/call.ts';
import { CHANGES, patchTypesOf, unsupportedPatch } from '../handlers/patch.ts';
import type { RequestContext } from './context.ts';
import { CONTENT_TYPES, PROTOBUF } from './negotiate.ts';

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

/** The body as an object: decoded by its content type, as strictly as the query says. Undefined for an empty one. */
export async function readObject(context: RequestContext, target: BodyTarget): Promise<KubeObject | undefined> {
  const bytes = await context.request.body(MAX_BODY_BYTES);
  if (bytes.length === 0) return undefined;
  return warned(context, decodeBytes(bytes, mediaType(context), target, optionsOf(context)));
}

/** `kind` is the one the path names, whatever the patch is applied to. */
export async function readPatch(context: RequestContext, kind: Kind): ReturnType<ApiCall['patch']> {
  const type = mediaType(context) as ChangePatchType;
  if (!CHANGES.includes(type) || !patchTypesOf(kind).includes(type)) throw unsupportedPatch(kind);
  const body = await context.request.body(MAX_BODY_BYTES);
  const patch = parsePatch(type, body);
  const options = optionsOf(context);
  const strict = options.fieldValidation === 'Ignore' ? [] : strictPatchErrors(type, body.toString(), patch);
  return (current, target) => warned(context, applyPatch(type, current, patch, target, options, strict));
}

export async function readConfiguration(context: RequestContext): Promise<Configuration> {
  return parseConfiguration(await context.request.body(MAX_BODY_BYTES));
}

function decodeBytes(
  bytes: Buffer,
  type: string,
  target: BodyTarget,
  options: { fieldValidation: FieldValidation },
): Decoded {
  switch (type) {
    case '':
    case 'application/json':
      return decodeJson(bytes, target, options);
    case 'application/yaml':
      return decodeYaml(bytes, target, options);
    case PROTOBUF:
      return decodeProtobuf(bytes, target);
    default:
      throw new StatusError(
        'UnsupportedMediaType',
        `the body of the request was in an unknown format - accepted media types include: ${Object.values(CONTENT_TYPES).join(', ')}`,
      );
  }
}
