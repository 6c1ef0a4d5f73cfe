import {
  applyPatch,
  type BodyTarget,
  type ChangePatchType,
  decodeJson,
  decodeProtobuf,
  decodeYaml,
  type FieldValidation,
  type KubeObject,
  parsePatch,
  StatusError,
} from '#api';
import type { ApiCall } from '../handlers/call.ts';
import { PATCH_TYPES, unsupportedPatch } from '../handlers/patch.ts';
import type { RequestContext } from './context.ts';
import { CONTENT_TYPES, PROTOBUF } from './negotiate.ts';

/** Source: MaxRequestBodyBytes of the generic API server v1.36. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** What the query says; {@link writeScope} refuses other values. Warn is the default since v1.27. */
function fieldValidationOf(value: string | null): FieldValidation {
  return value === 'Ignore' || value === 'Strict' ? value : 'Warn';
}

const mediaType = (context: RequestContext): string =>
  (context.request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();

/** The part of a call that reads the body: decoded by its content type, as strictly as the query says. */
export function decodeRequest(context: RequestContext): Pick<ApiCall, 'body' | 'patch'> {
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
      const type = mediaType(context) as ChangePatchType;
      if (!PATCH_TYPES.includes(type)) throw unsupportedPatch();
      const validation = options();
      const patch = parsePatch(type, await request.body(MAX_BODY_BYTES));
      return (current, target) => warned(applyPatch(type, current, patch, target, validation));
    },
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
