/**
 * What an answer must look like, whatever was asked. All rules are here: what is allowed although it looks like a fault stands in {@link ALLOWED}, with who
 * says so; how long an answer may take stands in `holds.ts`; what must hold of objects over several requests in `laws.ts`.
 */
import type { FuzzRequest } from '../request.ts';
import type { Answer } from '../server/target.ts';

const ODD_PATCHES = /^application\/(?:strategic-merge-patch\+json|apply-patch\+yaml)/i;
/** Answers of 500 and above that are upstream's too, by what they say. */
const ALLOWED: readonly RegExp[] = [
  // A revision that does not come, and the time a request gives itself. Source: NewTooLargeResourceVersionError, apiserver pkg/storage/errors.go v1.36.
  /^Timeout: (?:Too large resource version|request did not complete)/,
  // What stands behind a proxied request cannot be found or reached. Source: GetPreferredNodeAddress of pkg/util/node, ResourceLocation of
  // pkg/registry/core/{node,pod,service}, apimachinery pkg/util/proxy v1.36.
  /^no preferred addresses found/,
  /^no endpoints available for service/,
  /^no service port .* found for service/,
  /^error (?:trying to reach service|dialing backend)/,
  // No address is left, as when all ranges were deleted. Source: Alloc of pkg/registry/core/service/{ip,port}allocator v1.36.
  /^Internal error occurred: failed to allocate .*range is full/,
  // A conversion that does not take place is an error without a reason. Source: apiextensions pkg/apiserver/conversion/webhook_converter.go v1.36.
  /^conversion webhook for /,
  // Where the scale of a custom resource is to be stands something else. Source: scaleFromCustomResource of apiextensions pkg/registry/customresource/etcd.go v1.36.
  /^\.\S+ accessor error: /,
  // What is stored in a version that was taken out of the definition. Source: crConverter.ConvertToVersion of pkg/apiserver/conversion/converter.go v1.36.
  /^request to convert CR (?:list failed|(?:from|to) an invalid group\/version)/,
];

/** The kind of problem with an answer, the same for the same fault; undefined when it is as it should be. */
export function judge(request: FuzzRequest, answer: Answer): string | undefined {
  const { status, headers, body, endless } = answer;
  for (const key in {}) return `Object.prototype has a property ${key}`;
  if (status === 101) return undefined;
  if (!Number.isInteger(status) || status < 200 || status > 599) return `status ${status}`;
  const type = headers['content-type'] ?? '';
  if (Object.values(headers).some((value) => value !== undefined && /[^\t\x20-\x7e\x80-\xff]/.test(value)))
    return 'a header has characters that headers cannot have';
  if (status >= 400) return judgeFailure(request, answer);
  if (status === 204 || status === 304) return body.length > 0 ? 'a body where there is none' : undefined;
  if (isWatch(request)) return type.startsWith('application/json') ? judgeEvents(body) : undefined;
  if (endless) return undefined;
  if (type.startsWith('application/json')) return judgeJson(request, body);
  if (type.startsWith(PROTOBUF) && !isProtobuf(body)) return 'protobuf without its magic number';
  return undefined;
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const isProtobuf = (body: Buffer): boolean => body.toString('latin1', 0, 4) === 'k8s\0';

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** A parameter without a value is a true one. */
const isWatch = ({ method, url }: FuzzRequest): boolean =>
  method === 'GET' && /[?&]watch(?:[=&]|$)|\/watch\//.test(url) && !url.includes('/proxy');

const EVENT_TYPES = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

/** One event a line; what asked for no watch by its words (`watch=0`) is an object, and reads as one. */
function judgeEvents(body: Buffer): string | undefined {
  const text = body.toString();
  if (text === '') return undefined;
  if (!text.startsWith('{"type":')) return parsed(body) === undefined ? 'JSON that cannot be read' : undefined;
  const lines = text.split('\n');
  if (lines.pop() !== '') return 'an event that is cut';
  for (const line of lines) {
    const { type, object, ...rest } = (parsed(Buffer.from(line)) ?? {}) as Record<string, unknown>;
    if (!EVENT_TYPES.has(type as string) || Object.keys(rest).length > 0) return 'an event of no known type';
    if (typeof (object as { kind?: unknown } | null)?.kind !== 'string') return 'an event whose object has no kind';
  }
  return undefined;
}

function judgeJson({ url }: FuzzRequest, body: Buffer): string | undefined {
  const value = parsed(body);
  if (typeof value !== 'object' || value === null) return 'JSON that cannot be read';
  // Watches that ended by themselves are lines, and what is no API object has no kind.
  if (!/^\/apis?\//.test(url)) return undefined;
  const { kind, apiVersion, metadata } = value as Record<string, unknown>;
  // Discovery of old does not say apiVersion.
  if (typeof kind !== 'string' || kind === '' || (typeof apiVersion !== 'string' && !kind.startsWith('API')))
    return 'an object without kind or apiVersion';
  if (metadata !== undefined && (typeof metadata !== 'object' || metadata === null)) return 'metadata is no object';
  return undefined;
}

/** What JavaScript writes when it is not asked well; rules speak of undefined fields, definitions of what must be undefined: upstream's words. */
const SCRIPT =
  /(?<!must be (?:true or )?)\bundefined\b(?! field)|\[object |Cannot (?:read|convert)|is not (?:a function|iterable|defined)|\bNaN\b/;

function judgeFailure(request: FuzzRequest, { status, headers: own, body }: Answer): string | undefined {
  const { method, url, headers } = request;
  const patchType = headers['content-type'] ?? '';
  const type = own['content-type'] ?? '';
  const text = body.toString();
  // In the form that was asked for, as objects are.
  if (type.startsWith(PROTOBUF))
    return body.includes('Status') && isProtobuf(body) ? undefined : `${status} that is no Status`;
  if (type.startsWith('application/yaml'))
    return body.includes('kind: Status') ? undefined : `${status} that is no Status`;
  if (!type.startsWith('application/json')) {
    // Source: http.NotFound, which upstream's mux answers with; health checks speak plain text too.
    if (url.startsWith('/openapi/') && status === 406) return undefined; // kube-openapi writes the bare code
    return status === 404 && text === '404 page not found\n' ? undefined : `${status} that is no Status`;
  }
  const value = parsed(body) as Record<string, unknown> | undefined;
  if (value === undefined) return `${status} that is no JSON`;
  const { kind, apiVersion, status: word, message, code, reason } = value;
  if (kind !== 'Status' || apiVersion !== 'v1' || word !== 'Failure') return `${status} that is no Status`;
  if (typeof message !== 'string' || message === '' || code !== status)
    return `${status} with a Status that lacks message or code`;
  if (reason !== undefined && typeof reason !== 'string') return `${status} with a reason that is no text`;
  const script = SCRIPT.exec(message)?.[0];
  if (script !== undefined && !url.includes(script) && request.body?.includes(script) !== true)
    return `a message that shows JavaScript: ${message.slice(0, 100)}`;
  if (status < 500) return undefined;
  // Patches upstream has no words for: 500, no reason. Source: interpretStrategicMergePatchError, structuredMergeManager.Apply of apimachinery v0.36.
  const allowed =
    ALLOWED.some((pattern) => pattern.test(message)) ||
    (method === 'PATCH' && reason === undefined && ODD_PATCHES.test(patchType));
  return allowed ? undefined : `${status}: ${message.slice(0, 100)}`;
}
