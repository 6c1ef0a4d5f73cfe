/** What hostile requests are made of. */
import type { FuzzRequest } from '../../fuzz/api/request.ts';

export interface HostileCase {
  readonly name: string;
  /** Sent before, and not judged. */
  readonly before?: readonly FuzzRequest[];
  readonly request: FuzzRequest;
}

export type Json = Record<string, unknown>;

const JSON_TYPE = 'application/json';
export const MERGE = 'application/merge-patch+json';
export const APPLY = 'application/apply-patch+yaml';
export const NAMESPACE = '/api/v1/namespaces/fuzz';
export const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
export const members = <T>(count: number, make: (i: number) => T): Record<string, T> =>
  Object.fromEntries(times(count, (i) => [`p${i}`, make(i)]));

export function nested<T>(depth: number, wrap: (inner: T) => T, innermost: T): T {
  let value = innermost;
  for (let i = 0; i < depth; i++) value = wrap(value);
  return value;
}

export const get = (url: string): FuzzRequest => ({ method: 'GET', url, headers: {}, user: 'kubernetes-admin' });
export const send = (method: string, url: string, body: object | string, type = JSON_TYPE): FuzzRequest => ({
  method,
  url,
  headers: { 'content-type': type },
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  user: 'kubernetes-admin',
});
export const post = (url: string, body: object | string, type?: string): FuzzRequest => send('POST', url, body, type);

/** A definition whose objects are of such a schema, by a plural of its own. */
export function definition(plural: string, spec: Json, version: Json = {}): FuzzRequest {
  return post(DEFINITIONS, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.hostile.example.com` },
    spec: {
      group: 'hostile.example.com',
      scope: 'Namespaced',
      names: { plural, kind: plural[0]!.toUpperCase() + plural.slice(1) },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
          ...version,
        },
      ],
    },
  });
}

export const collection = (plural: string): string => `/apis/hostile.example.com/v1/namespaces/fuzz/${plural}`;
export const custom = (plural: string, spec: unknown, metadata: Json = {}): FuzzRequest =>
  post(collection(plural), {
    apiVersion: 'hostile.example.com/v1',
    kind: plural[0]!.toUpperCase() + plural.slice(1),
    metadata: { name: 'a', ...metadata },
    spec,
  });

/** A definition, and an object of it. */
export const objectOf = (name: string, plural: string, schema: Json, spec: unknown, version?: Json): HostileCase => ({
  name,
  before: [definition(plural, schema, version)],
  request: custom(plural, spec),
});

export const configMap = (data: Json, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', ...metadata },
  data,
});
