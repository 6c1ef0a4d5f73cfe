/** Makes requests: a valid one, then changes of its method, path, query, headers and body. */
import { gzipSync } from 'node:zlib';
import { REVIEWS } from '../corpus/bodies.ts';
import { mutateText } from '../mutate/bytes.ts';
import { mutateJson } from '../mutate/json.ts';
import type { Random } from '../random.ts';
import type { FuzzRequest } from '../request.ts';
import { headersOf, typeChanged } from './headers.ts';
import { identityOf } from './identity.ts';
import { encode, objectRequest } from './objects.ts';
import { OTHER_PATHS } from './paths.ts';
import { queryOf } from './query.ts';
import { JSON_TYPE } from './types.ts';

const REVIEWED = Object.entries(REVIEWS);

function otherRequest(random: Random): FuzzRequest {
  const { headers, ...identity } = identityOf(random);
  const base = { ...identity, headers: { ...headersOf(random), ...headers } };
  if (random.chance(0.5)) return { ...base, method: 'GET', url: random.pick(OTHER_PATHS) };
  const [path, body] = random.pick(REVIEWED);
  const value = random.chance(0.2) ? body : mutateJson(body, random);
  const { type, body: bytes } = encode(value, undefined, random);
  return {
    ...base,
    method: 'POST',
    url: path + queryOf(random),
    headers: { ...base.headers, 'content-type': type },
    body: bytes,
  };
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'FOO', 'get', ''];

/** Headers once more, with the same value or another: what joins them must not be misled. */
function doubled(headers: FuzzRequest['headers'], random: Random): readonly (readonly [string, string])[] {
  const names = Object.keys(headers);
  if (names.length === 0) return [];
  const name = random.pick(names);
  return [[name, random.chance(0.5) ? headers[name]! : sendable(mutateText(headers[name]!, random))]];
}

/** Bytes no connection would bring this far. */
const sendable = (value: string): string => value.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '');

/** The request number `index` of a run: the same for the same seed. */
export function generate(random: Random): FuzzRequest {
  const request = random.chance(0.92) ? objectRequest(random) : otherRequest(random);
  if (random.chance(0.8)) return request;
  let { method, url, body, repeated = [] } = request;
  const headers = { ...request.headers };
  if (random.chance(0.2)) method = random.pick(METHODS);
  if (random.chance(0.3)) url = `/${mutateText(url.slice(1), random)}`;
  if (random.chance(0.2)) headers['content-type'] = typeChanged(headers['content-type'] ?? JSON_TYPE, random);
  if (random.chance(0.1)) delete headers['content-type'];
  if (random.chance(0.1)) repeated = [...repeated, ...doubled(headers, random)];
  if (body !== undefined && random.chance(0.05)) {
    body = gzipSync(body);
    headers['content-encoding'] = 'gzip';
  }
  const cut = body !== undefined && random.chance(0.1) ? random.below(body.length + 1) : undefined;
  return { ...request, method, url, headers, body, repeated, ...(cut === undefined ? {} : { cutAt: cut }) };
}
