import {
  badRequest,
  type BodyTarget,
  decodeJson,
  decodeObject,
  decodeProtobuf,
  decodeYaml,
  type FieldValidation,
  type KubeObject,
  parseJson,
  type PatchType,
  StatusError,
} from '#api';
import type { ApiCall } from '../handlers/call.ts';
import { PATCH_TYPES, unsupportedPatch } from '../handlers/patch.ts';
import type { RequestContext } from './context.ts';
import { CONTENT_TYPES, PROTOBUF } from './negotiate.ts';

/** Source: MaxRequestBodyBytes of the generic API server v1.36. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** Warn is the default since v1.27. Source: validation.ValidateFieldValidation. */
function fieldValidationOf(value: string | null): FieldValidation {
  if (value === null || value === '') return 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw new StatusError(
    'Invalid',
    `CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: ${JSON.stringify(value)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}

const mediaType = (context: RequestContext): string =>
  (context.request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();

/** The part of a call that reads the body: decoded by its content type, as strictly as the query says. */
export function decodeRequest(context: RequestContext): Pick<ApiCall, 'body' | 'patch' | 'typed'> {
  const { request, warn } = context;
  const options = (): { fieldValidation: FieldValidation } => ({
    fieldValidation: fieldValidationOf(request.query.get('fieldValidation')),
  });
  const warned = ({ object, warnings }: { object: KubeObject; warnings: readonly string[] }): KubeObject => {
    for (const text of warnings) warn(text);
    return object;
  };
  return {
    async body(target) {
      const validation = options();
      const bytes = await request.body(MAX_BODY_BYTES);
      if (bytes.length === 0) return undefined;
      return warned(decodeBytes(bytes, mediaType(context), target, validation));
    },
    async patch() {
      const type = mediaType(context) as PatchType;
      if (![...PATCH_TYPES, 'application/apply-patch+yaml'].includes(type)) throw unsupportedPatch();
      return { type, patch: parsePatch(await request.body(MAX_BODY_BYTES)) };
    },
    typed: (object, target) => warned(decodeObject(object, target, options())),
  };
}

function decodeBytes(
  bytes: Buffer,
  type: string,
  target: BodyTarget,
  options: { fieldValidation: FieldValidation },
): { object: KubeObject; warnings: readonly string[] } {
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

/** Patches are JSON; an apply patch may be YAML. */
function parsePatch(bytes: Buffer): unknown {
  try {
    return parseJson(bytes);
  } catch (error) {
    throw badRequest(`error decoding patch: ${(error as Error).message}`);
  }
}
