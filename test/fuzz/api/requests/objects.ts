/** Requests for what is kept: a valid one of some kind, then changes of what it says. */
import { dump } from 'js-yaml';
import { encodeProtobuf, type KubeObject, resourcePath } from '#api';
import { subresourcesOf } from '../../../../src/apiserver/discovery/discovery.ts';
import { BODIES, DELETE_OPTIONS } from '../corpus/bodies.ts';
import { NAMES, NAMESPACES, type Seed, WEIGHTED } from '../corpus/corpus.ts';
import { mutateBytes } from '../mutate/bytes.ts';
import { withExpressions } from '../mutate/cel.ts';
import { type Json, mutateJson } from '../mutate/json.ts';
import { managedFields } from '../mutate/managed-fields.ts';
import { patchOf, PATCH_TYPES } from '../mutate/patches.ts';
import type { Random } from '../random.ts';
import { mutateJsonText } from '../mutate/text.ts';
import type { FuzzRequest } from '../request.ts';
import { RESOURCE_VERSION, UID } from '../server/live.ts';
import { headersOf } from './headers.ts';
import { identityOf } from './identity.ts';
import { queryOf } from './query.ts';
import { JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE } from './types.ts';

/** Also where kinds do not have them. */
const SUBRESOURCES = [
  'status',
  'scale',
  'binding',
  'eviction',
  'finalize',
  'token',
  'approval',
  'log',
  'exec',
  'proxy',
  'x',
];

export interface Encoded {
  readonly type: string;
  readonly body: Buffer;
}

/** The value as JSON, YAML or protobuf; sometimes with bytes changed. */
export function encode(value: Json, definition: string | undefined, random: Random): Encoded {
  const form = random.below(10);
  if (form === 0) return broken({ type: YAML_TYPE, body: Buffer.from(yamlOf(value)) }, random);
  if (form <= 2 && definition !== undefined)
    return broken({ type: PROTOBUF_TYPE, body: protobufOf(value, definition) }, random);
  const text = JSON.stringify(value);
  if (random.chance(0.1)) return { type: JSON_TYPE, body: mutateJsonText(text, random) };
  const body = Buffer.from(text);
  return { type: JSON_TYPE, body: random.chance(0.04) ? mutateBytes(body, random) : body };
}

const broken = ({ type, body }: Encoded, random: Random): Encoded => ({
  type,
  body: random.chance(0.4) ? mutateBytes(body, random) : body,
});

function yamlOf(value: Json): string {
  try {
    return dump(value, { skipInvalid: true });
  } catch {
    return JSON.stringify(value); // too deep to be written; JSON is YAML too
  }
}

/** What cannot be said in protobuf is left as JSON, under protobuf's name. */
function protobufOf(value: Json, definition: string): Buffer {
  try {
    return encodeProtobuf(value as unknown as KubeObject, definition);
  } catch {
    return Buffer.from(JSON.stringify(value));
  }
}

/** Metadata that only answers before could tell, or that no client should send. */
function oddMetadata(random: Random): { [key: string]: Json } {
  const odd: { [key: string]: Json } = {};
  if (random.chance(0.1)) odd['resourceVersion'] = RESOURCE_VERSION;
  if (random.chance(0.03)) odd['uid'] = UID;
  if (random.chance(0.04)) odd['managedFields'] = managedFields(random);
  if (random.chance(0.03)) odd['labels'] = { app: 'web', a: 'b' };
  if (random.chance(0.02))
    odd['finalizers'] = random.pick<Json>([['example.com/f'], ['foregroundDeletion'], ['orphan']]);
  if (random.chance(0.02))
    odd['ownerReferences'] = [
      { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: UID, controller: true, blockOwnerDeletion: true },
    ];
  return odd;
}

/** The seed's object under one of a few names, mostly changed. */
function objectOf({ kind, object }: Seed, namespace: string, name: string, random: Random): Json {
  const own = (object['metadata'] ?? {}) as { [key: string]: Json };
  const metadata = { name, ...(kind.namespaced ? { namespace } : {}), ...own, ...oddMetadata(random) };
  const value = withExpressions({ ...object, metadata }, random);
  return random.chance(0.35) ? value : mutateJson(value, random);
}

const subresourceOf = ({ kind }: Seed, random: Random): string => {
  if (random.chance(0.15)) return random.pick(SUBRESOURCES);
  // Custom kinds of the corpus are known by their path only.
  const known = kind.group === 'fuzz.example.com' ? ['status', 'scale'] : subresourcesOf(kind).map(({ name }) => name);
  return known.length === 0 ? 'status' : random.pick(known);
};

/** A request for something that is kept. */
export function objectRequest(random: Random): FuzzRequest {
  const seed = random.pick(random.pick(WEIGHTED));
  const { kind } = seed;
  const namespace = kind.namespaced ? random.pick(NAMESPACES) : '';
  const ownName = (seed.object['metadata'] as { name?: string } | undefined)?.name;
  const name = ownName ?? random.pick(NAMES);
  const collection = resourcePath(kind, { namespace });
  const query = queryOf(random);
  const { headers: own, ...identity } = identityOf(random);
  const base = { ...identity, headers: { ...headersOf(random), ...own } };
  const withBody = (method: string, path: string, { type, body }: Encoded): FuzzRequest => ({
    ...base,
    method,
    url: path + query,
    headers: { ...base.headers, 'content-type': type },
    body,
  });
  const object = (): Json => objectOf(seed, namespace, name, random);
  const item = `${collection}/${name}`;
  const drawn = random.below(100);
  // What is defined is not to be gone most of the time.
  const what = drawn >= 94 && kind.plural === 'customresourcedefinitions' && random.chance(0.8) ? 80 : drawn;
  if (what < 32) return withBody('POST', collection, encode(object(), kind.definition, random));
  if (what < 46) return withBody('PUT', item, encode(object(), kind.definition, random));
  if (what < 64) {
    const type = random.pick(PATCH_TYPES);
    const sub = random.chance(0.2) ? `/${subresourceOf(seed, random)}` : '';
    const patch = patchOf(type, seed.object, random);
    const body = random.chance(0.05)
      ? mutateBytes(patch, random)
      : random.chance(0.05)
        ? mutateJsonText(patch.toString(), random)
        : patch;
    const request = withBody('PATCH', item + sub, { type, body });
    // Without one nothing is applied.
    const manager = type.includes('apply') && !query.includes('fieldManager') && random.chance(0.9);
    if (!manager) return request;
    return {
      ...request,
      url: `${request.url}${query === '' ? '?' : '&'}fieldManager=${random.pick(['me', 'you', 'x'])}&force=${random.pick(['true', 'true', 'false'])}`,
    };
  }
  if (what < 74) {
    const sub = subresourceOf(seed, random);
    const value = BODIES[sub];
    const named =
      value === undefined
        ? object()
        : { ...(value as { [key: string]: Json }), metadata: { name, ...oddMetadata(random) } };
    const body = encode(random.chance(0.3) ? named : mutateJson(named, random), kind.definition, random);
    return withBody(random.pick(['PUT', 'POST']), `${item}/${sub}`, body);
  }
  if (what < 80) return { ...base, method: 'GET', url: collection + query };
  if (what < 86) return { ...base, method: 'GET', url: item + query };
  if (what < 89) return { ...base, method: 'GET', url: `${item}/${subresourceOf(seed, random)}${query}` };
  if (what < 94)
    return {
      ...base,
      method: 'GET',
      url: `${random.chance(0.2) ? item : collection}?watch=1${query.replace('?', '&')}`,
    };
  if (what < 97) return { ...base, method: 'DELETE', url: item + query };
  const body = encode(mutateJson(DELETE_OPTIONS, random), 'meta.v1.DeleteOptions', random);
  return withBody('DELETE', what < 99 ? item : collection, body);
}
