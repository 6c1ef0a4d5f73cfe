/** What must hold of the store and of what is kept in it, whatever was asked. */
import { isDeepStrictEqual } from 'node:util';
import { allKinds, decodeProtobuf, type Kind } from '#api';
import type { FuzzRequest } from '../request.ts';
import type { Answer, Target } from '../server/target.ts';

export const CHANGED = 'what changes nothing has changed something';

/** Reads, what is refused and what only pretends leave the store as it was. Of `before`: its revision. */
export function changed(
  { method, url, headers }: FuzzRequest,
  { status, waited }: Answer,
  before: number,
  after: number,
): boolean {
  // What time brings is nobody's doing.
  if (before === after || waited) return false;
  // Refused or not, part of a collection may be gone; addresses are taken and given back; of old tokens their use is noted.
  if (method === 'DELETE' || /\/services\b/.test(url) || headers['authorization'] !== undefined) return false;
  // What was written cannot be shown as asked for: upstream too finds out afterwards. Source: transformResponseObject of handlers/response.go v1.36.
  if (status === 406) return false;
  return method === 'GET' || method === 'HEAD' || status >= 400 || /[?&]dryRun=All(?:&|$)/.test(url);
}

interface Kept {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
  };
}

const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

const kinds = new Map<string, Kind>(
  allKinds.map((kind) => [`${kind.group === '' ? kind.version : `${kind.group}/${kind.version}`} ${kind.kind}`, kind]),
);

/** The object the answer tells of, if it is one that is kept. */
function keptBy(request: FuzzRequest, { status, headers, body }: Answer): Kept | undefined {
  if (status < 200 || status > 299 || !/^(?:POST|PUT|PATCH)$/.test(request.method)) return undefined;
  if (headers['content-type'] !== JSON_TYPE || /dryRun|;as=/i.test(request.url + (request.headers['accept'] ?? '')))
    return undefined;
  const object = JSON.parse(body.toString()) as Kept;
  return object.metadata?.resourceVersion === undefined || !kinds.has(`${object.apiVersion} ${object.kind}`)
    ? undefined
    : object;
}

/** What must hold of an object once it is kept: the law that was broken; undefined: none, or there is nothing to look at. */
export async function brokenLaw(target: Target, request: FuzzRequest, answer: Answer): Promise<string | undefined> {
  const object = keptBy(request, answer);
  if (object === undefined) return undefined;
  const kind = kinds.get(`${object.apiVersion} ${object.kind}`)!;
  const url = pathOf(kind, object);
  const ask = async (method: string, accept: string, body?: Buffer): Promise<Answer> =>
    await target.send({
      method,
      url,
      headers: { accept, ...(body === undefined ? {} : { 'content-type': JSON_TYPE }) },
      body,
      user: 'kubernetes-admin',
    });
  const read = await ask('GET', JSON_TYPE);
  // Deleted in the meantime, or changed by who looks after it.
  if (read.status !== 200) return undefined;
  const found = JSON.parse(read.body.toString()) as Kept;
  if (found.metadata.resourceVersion !== object.metadata.resourceVersion) return undefined;
  if (!isDeepStrictEqual(found, object)) return `a ${kind.kind} reads otherwise than it was answered`;
  const binary = await ask('GET', PROTOBUF_TYPE);
  if (binary.status !== 200) return `a ${kind.kind} that is there in JSON is ${binary.status} in protobuf`;
  const decoded = decodeProtobuf(binary.body, {
    group: kind.group,
    version: kind.version,
    kind: kind.kind,
    definition: kind.definition,
  });
  const difference = differenceOf(found, decoded.object, '');
  if (difference !== undefined) return `a ${kind.kind} is another in protobuf at ${difference}`;
  if (found.metadata.deletionTimestamp !== undefined) return undefined;
  const again = await ask('PUT', JSON_TYPE, read.body);
  // A status may name versions that the definition has not. Source: ValidateUpdateCustomResourceDefinitionStatus of apiextensions v1.36.
  if (again.status === 422 && /status\.storedVersions/.test(again.body.toString())) return undefined;
  if (again.status !== 200)
    return `a ${kind.kind} put as it was read is ${again.status}: ${again.body.toString('utf8', 0, 1500)}`;
  const { metadata } = JSON.parse(again.body.toString()) as Kept;
  return metadata.resourceVersion === found.metadata.resourceVersion
    ? undefined
    : `a ${kind.kind} put as it was read is changed`;
}

function pathOf({ group, version, plural, namespaced }: Kind, { metadata }: Kept): string {
  const start = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const within = namespaced ? `/namespaces/${metadata.namespace}` : '';
  return `${start}${within}/${plural}/${encodeURIComponent(metadata.name)}`;
}

/** Where two values differ first. Protobuf does not know what is empty from what is not there. */
function differenceOf(a: unknown, b: unknown, at: string): string | undefined {
  if (isDeepStrictEqual(a, b) || (isEmpty(a) && isEmpty(b))) return undefined;
  // An int64 beyond what numbers hold has lost its last digits: docs/comparison.md.
  if (typeof a === 'number' && typeof b === 'number' && !Number.isSafeInteger(a)) return undefined;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return at;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    // Messages say what they are only at the top; claims within a StatefulSet do in JSON. Source: core/v1 generated.proto.
    if (/^\.spec\.volumeClaimTemplates\.\d+$/.test(at) && (key === 'apiVersion' || key === 'kind')) continue;
    const found = differenceOf(
      (a as Record<string, unknown>)[key],
      (b as Record<string, unknown>)[key],
      `${at}.${key}`,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  value === 0 ||
  value === false ||
  (typeof value === 'object' && Object.values(value).every(isEmpty));
