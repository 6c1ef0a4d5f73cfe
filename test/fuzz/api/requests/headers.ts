/** Headers: what is accepted, what is sent, and what proxies and browsers add. */
import type { Random } from '../random.ts';
import { mutateText } from '../mutate/bytes.ts';
import { JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE } from './types.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

const ACCEPTS = [
  '*/*',
  JSON_TYPE,
  YAML_TYPE,
  PROTOBUF_TYPE,
  `${PROTOBUF_TYPE},${JSON_TYPE}`,
  `${TABLE},application/json`,
  TABLE,
  'application/json;as=Table;v=v1beta1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1,application/json',
  `${PROTOBUF_TYPE};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`,
  `${PROTOBUF_TYPE};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,*/*`,
  'application/json;pretty=1;charset="utf-8";q=0.5',
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList;profile=nopeer,application/json',
];

/** What is not there, or cannot be read. */
const ODD_ACCEPTS = [
  `${PROTOBUF_TYPE};as=Table;g=meta.k8s.io;v=v1`,
  'application/json;stream=watch',
  'application/json;as=Table;g=meta.k8s.io;v=v1;stream=watch',
  'application/json;as="Tab\\"le";v=v1;g=meta.k8s.io',
  'application/*;q=0, */*;q=1.5',
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v3.v1.0+protobuf',
  'application/cbor',
  'text/html',
  ';;q=x,*/*;q=',
  'a/b;'.repeat(2000),
  Array.from({ length: 500 }, (_, i) => `a/b${i};q=0.${i}`).join(','),
];

/** Parameters of content types. */
const PARAMETERS = [
  '; charset=utf-8',
  ';charset="utf-8',
  ';stream=watch',
  '; a=b; a=b',
  ';;;',
  ';as=Table',
  ',application/yaml',
  ' ',
  '\t;x',
  `;x="${'y'.repeat(3000)}"`,
];

const OTHERS: readonly (readonly [string, readonly string[]])[] = [
  ['user-agent', ['curl/8', 'kubectl/v1.36', 'Mozilla/5.0', '', '\u00ff'.repeat(300)]],
  ['accept-encoding', ['gzip', 'gzip;q=0', 'deflate, br', 'identity;q=0, *;q=0', '*']],
  ['content-encoding', ['gzip', 'br', 'identity', 'x']],
  ['if-none-match', ['"x"', '*', 'W/"x", "y"', '"']],
  ['if-modified-since', ['Thu, 01 Jan 1970 00:00:00 GMT', 'x']],
  ['content-length', ['-1', 'x', '99999999', '', '1e3']],
  ['audit-id', ['x', '\u00ff'.repeat(100), 'a'.repeat(3000), '']],
  ['origin', ['https://example.com', 'null']],
  ['x-forwarded-for', ['1.2.3.4', 'x, y', '::1']],
  ['x-forwarded-uri', ['/../x']],
  ['x-remote-user', ['system:admin']],
  ['x-remote-group', ['system:masters']],
  ['cookie', ['a=b; c', 'x'.repeat(5000)]],
  ['__proto__x', ['y']],
  ['constructor', ['y']],
  ['upgrade', ['websocket', 'SPDY/3.1', 'h2c', 'x']],
  ['connection', ['Upgrade', 'close', 'keep-alive, Upgrade', 'x']],
  ['sec-websocket-protocol', ['v5.channel.k8s.io', 'base64url.bearer.authorization.k8s.io.eA', 'x,,x', '']],
  ['sec-websocket-key', ['dGhlIHNhbXBsZSBub25jZQ==', 'x']],
  ['sec-websocket-version', ['13', '0']],
  ['x-stream-protocol-version', ['v4.channel.k8s.io', 'v1.channel.k8s.io', 'x']],
  ['range', ['bytes=0-1']],
  ['te', ['trailers']],
  ['expect', ['100-continue', 'x']],
];

export function headersOf(random: Random): Record<string, string> {
  const headers: Record<string, string> = {};
  if (random.chance(0.3)) {
    const accept = random.pick(random.chance(0.75) ? ACCEPTS : ODD_ACCEPTS);
    headers['accept'] = random.chance(0.05) ? mutateText(accept, random) : accept;
  }
  while (random.chance(0.06)) {
    const [name, values] = random.pick(OTHERS);
    headers[name] = random.pick(values);
  }
  return headers;
}

/** The type as somebody else might write it. */
export function typeChanged(type: string, random: Random): string {
  switch (random.below(4)) {
    case 0:
      return mutateText(type, random);
    case 1:
      return type.toUpperCase();
    default:
      return type + random.pick(PARAMETERS);
  }
}
