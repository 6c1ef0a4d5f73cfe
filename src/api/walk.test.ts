/** Every field of every kind, alone and set to nonsense: the answer is an error of a field, or of decoding, and nothing else is thrown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJson, decodeProtobuf, decodeYaml, encodeJson, encodeProtobuf } from './codec/codec.ts';
import { randomObject } from './codec/random-object.ts';
import { decodeObject } from './codec/target.ts';
import { deepClone } from './equality.ts';
import type { FieldError } from './field-error.ts';
import { fieldErrorText, invalidObject } from './field-error.ts';
import type { Kind, KubeObject } from './kind.ts';
import { apiVersionOf } from './kind.ts';
import { allKinds } from './kinds.ts';
import { splitType } from './schema.ts';
import { StatusError } from './status.ts';
import { isFieldPath, places } from './testdata/walk.ts';

const LONG = 'x'.repeat(2000);

/** Values a field may not like, by its type; of every shape those that JSON may bring. */
const NONSENSE: Readonly<Record<string, readonly unknown[]>> = {
  string: ['', LONG, '\0\u{1f4a9}../..', ' ', '-', '::', '10.0.0.1/99', '__proto__', 'a'.repeat(64)],
  bytes: ['', 'aGk=', 'A'.repeat(1000)],
  bool: [true, false],
  int32: [-1, 0, 2 ** 31 - 1, -(2 ** 31), 65_536],
  int64: [-1, 0, Number.MAX_SAFE_INTEGER, -(2 ** 53 - 1)],
  double: [-1, 0, 1e308],
  Time: ['1970-01-01T00:00:00Z', '9999-12-31T23:59:59Z', null],
  MicroTime: ['1970-01-01T00:00:00.000001Z'],
  Duration: ['-1h', '0s'],
  Quantity: ['-1', '0', '1e9', '1n', '9999999999999999999E', '0.5'],
  IntOrString: [-1, 0, 70_000, '', '-5%', '101%', LONG],
  Raw: [null, 1, 'text', { a: { requests: { b: 'c' } } }, []],
};
/** What no field takes, whatever it is. */
const WRONG_TYPES: readonly unknown[] = [true, 1.5, 'text', [[]], { '': {} }, null];

function valuesOf(type: string): unknown[] {
  const { container, of } = splitType(type);
  const single = NONSENSE[of] ?? [{}];
  if (container === 'list')
    return [[], ...single.map((value) => [value, value]), Array.from({ length: 65 }, () => single[0])];
  if (container === 'map')
    return [{}, ...single.map((value) => ({ '': value, 'A/b/c': value, [LONG]: value, __proto__: value }))];
  return [...single];
}

const identity = (kind: Kind): object => ({
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
  metadata: { name: 'web', ...(kind.namespaced ? { namespace: 'n' } : {}), uid: 'u', resourceVersion: '1' },
});

/** All an object goes through in the registry: created, then updated from `old` through every door. */
function errorsOf(kind: Kind, body: object, old: KubeObject): FieldError[] {
  const { object } = decodeObject(body, kind, { fieldValidation: 'Ignore' });
  kind.defaults?.(object);
  const made = deepClone(object);
  kind.prepareForCreate?.(made);
  const errors = [...(kind.validate?.(made) ?? []), ...(kind.validateCreate?.(made) ?? [])];
  kind.warnings?.(made, undefined);
  for (const strategy of [kind.status, ...Object.values(kind.parts ?? {})]) {
    const next = deepClone(object);
    strategy?.prepareForUpdate(next, old, { nowMs: 0 });
    errors.push(...(strategy?.validateUpdate?.(next, old) ?? []));
  }
  kind.prepareForUpdate?.(object, old);
  errors.push(...(kind.validate?.(object, old) ?? []), ...(kind.validateUpdate?.(object, old) ?? []));
  kind.warnings?.(object, old);
  return errors;
}

function baseOf(kind: Kind): KubeObject {
  const { object } = decodeObject(identity(kind), kind);
  kind.defaults?.(object);
  return object;
}

/** Upstream writes these paths so, and clients know them. */
const SLIPS: readonly RegExp[] = [
  /^\[\]$/, // the object as a whole
  /^Spec\./,
  /\.Type$/,
  /^status\.(Phase|allocatedResourceStatus)$/,
  /^(volumeMode|nodeAffinity|allocateLoadBalancerNodePorts|resourceVersion)$/,
  /^metadata\.(taints|nodeSwapStatus)/,
  /LoadBalancerSourceRanges/,
  /persistentvolumesource/,
  /(HostPID|HostIPC|\{topologyKey, whenUnsatisfiable\})$/,
  /\.(persistentDisk|cephFS|downwarAPI|initiatorname|targetportal)(\.|$)/,
  /\.(mountPropagation|recursiveReadOnly|subPath|subPathExpr|readOnly)$/, // of the list of mounts
  /\.resources\[[^\]]*\]$/,
  /\.resources\.containers\[/,
  /\.scopeSelector\.matchExpressions\.(scopeName|operator|values)$/,
  /^status\.(capacity|allocatable)\./, // the name of the resource behind a dot
  /(^|\.)overhead\.limits\[/,
  /[aA]ffinity\..*\.namespace$/,
  /\.csi\.name$/,
  /\.downwardAPI\.(path|mode|fieldRef|resourceFieldRef)/,
  /\.projected\.path$/,
  /\.resourceRules\.operations$/,
  /\.extendedResourceClaimStatus\.requestName$/,
  /^spec\.(attachedRequired|strategy\.strategy)$/,
];

/** Upstream's own words for what is absent in a schema. */
const UNDEFINED = /must be (true or undefined|undefined to be structural)/g;

/** Kinds that share a storage are spoken of in the words of the other kind. */
const OTHER_WORDS: Readonly<Record<string, RegExp>> = {
  'Event.core.v1': /^reportingController$/,
  'Event.events.k8s.io.v1': /^(involvedObject|count|firstTimestamp|lastTimestamp|source|message)/,
  'HorizontalPodAutoscaler.autoscaling.v1': /^spec\.metrics/,
  // What is the same in all versions stands at the top in upstream's internal form.
  'CustomResourceDefinition.apiextensions.k8s.io.v1':
    /^spec\.(version|validation|subresources|additionalPrinterColumns|selectableFields|conversion\.(webhookClientConfig|conversionReviewVersions))\b/,
};

/** Pod templates are what a pod is; walking one kind of them is enough. */
const isWalked = (kind: Kind): boolean => kind.kind !== 'PodTemplate';
const SKIPPED = (kind: Kind): ReadonlySet<string> =>
  new Set(kind.kind === 'Pod' ? ['meta.v1.ObjectMeta'] : ['core.v1.PodSpec', 'meta.v1.ObjectMeta']);

for (const kind of allKinds) {
  const name = `${kind.kind}.${kind.group || 'core'}.${kind.version}`;

  test(`${name}: nonsense in any one field is an error of that field at most`, () => {
    if (!isWalked(kind)) return assert.ok(!isWalked(kind));
    const unknown = new Map<string, string>();
    const base = baseOf(kind);
    let walked = 0;
    for (const place of places(kind.definition, SKIPPED(kind))) {
      if (place.path === 'apiVersion' || place.path === 'kind' || place.path.startsWith('metadata')) continue;
      walked++;
      for (const value of valuesOf(place.type)) {
        let errors: FieldError[] = [];
        try {
          errors = errorsOf(kind, { ...identity(kind), ...place.with(value) }, base);
        } catch (cause) {
          if (StatusError.is(cause, 'BadRequest')) continue;
          throw new Error(`${place.path} = ${JSON.stringify(value).slice(0, 80)}`, { cause });
        }
        for (const error of errors) {
          if (isFieldPath(kind.definition, error.field) || SLIPS.some((slip) => slip.test(error.field))) continue;
          if (OTHER_WORDS[name]?.test(error.field) === true) continue;
          unknown.set(error.field, fieldErrorText(error));
        }
        const { message } = invalidObject(kind, 'web', errors);
        assert.ok(
          !/\bundefined\b|\[object Object\]|\bNaN\b/.test(message.replaceAll(LONG, '').replaceAll(UNDEFINED, '')),
          `${place.path}: ${message.slice(0, 300)}`,
        );
      }
    }
    assert.ok(walked > 0 || Object.keys(base).length === 3, name);
    assert.deepEqual([...unknown.values()], [], 'paths that lead nowhere');
  });

  test(`${name}: a value of the wrong type is refused or taken, never a crash`, () => {
    for (const place of places(kind.definition, SKIPPED(kind))) {
      for (const value of WRONG_TYPES) {
        try {
          decodeObject({ ...identity(kind), ...place.with(value) }, kind);
        } catch (cause) {
          if (!StatusError.is(cause, 'BadRequest'))
            throw new Error(`${place.path} = ${JSON.stringify(value)}`, { cause });
        }
      }
    }
  });

  test(`${name}: an object with every field is what it was after JSON, YAML and protobuf`, () => {
    // Schemas of custom resources contain themselves: a full one has no end.
    const density = kind.kind === 'CustomResourceDefinition' ? 0.5 : 4;
    const { object } = decodeObject({ ...randomObject(kind.definition, 7, density), ...identity(kind) }, kind);
    const json = encodeJson(object);
    assert.deepEqual(decodeJson(json, kind).object, object);
    assert.deepEqual(decodeYaml(json.toString(), kind).object, object);
    assert.deepEqual(decodeProtobuf(encodeProtobuf(object, kind.definition), kind).object, object);
    errorsOf(kind, object, baseOf(kind));
  });
}
