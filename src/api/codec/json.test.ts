import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { StatusError } from '../status.ts';
import { decodeJson, encodeJson } from './json.ts';
import { countKeys, duplicateKeys, syntaxError } from './json-scan.ts';
import type { BodyTarget, DecodeOptions } from './target.ts';

const deployment: BodyTarget = { group: 'apps', version: 'v1', kind: 'Deployment', definition: 'apps.v1.Deployment' };
const pod: BodyTarget = { group: '', version: 'v1', kind: 'Pod', definition: 'core.v1.Pod' };
const configMap: BodyTarget = { group: '', version: 'v1', kind: 'ConfigMap', definition: 'core.v1.ConfigMap' };

const text = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));
const decode = (body: unknown, target: BodyTarget, options?: DecodeOptions): Record<string, unknown> =>
  decodeJson(text(body), target, options).object as unknown as Record<string, unknown>;
const refusal = (body: unknown, target: BodyTarget = deployment, options?: DecodeOptions): string => {
  try {
    decodeJson(text(body), target, options);
  } catch (error) {
    assert.ok(StatusError.is(error, 'BadRequest'), String(error));
    return error.message;
  }
  return 'accepted';
};

describe('a value of the wrong type is refused in the words of Go', () => {
  const container = (fields: object): object => ({ spec: { containers: [fields] } });
  const cases: [string, object, BodyTarget, string][] = [
    ['a string for a number', { spec: { replicas: '3' } }, deployment, 'string into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['a fraction', { spec: { replicas: 1.5 } }, deployment, 'number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['too big a number', { spec: { replicas: 2 ** 31 } }, deployment, 'number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['deep inside', container({ ports: [{ containerPort: 'x' }] }), pod, 'string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32'],
    ['an object for a list', { spec: { containers: {} } }, pod, 'object into Go struct field PodSpec.spec.containers of type []v1.Container'],
    ['a list for a struct', { metadata: [] }, pod, 'array into Go struct field Pod.metadata of type v1.ObjectMeta'],
    ['in a map', { metadata: { labels: { a: 1 } } }, pod, 'number into Go struct field ObjectMeta.metadata.labels of type string'],
    ['a named type', container({ imagePullPolicy: true }), pod, 'bool into Go struct field Container.spec.containers.imagePullPolicy of type v1.PullPolicy'],
    ['a named map', { spec: { overhead: [] } }, pod, 'array into Go struct field PodSpec.spec.overhead of type v1.ResourceList'],
    ['a special type', container({ livenessProbe: { httpGet: { port: true } } }), pod, 'bool into Go value of type int32'],
  ]; // prettier-ignore
  for (const [what, body, target, expected] of cases) {
    test(what, () =>
      assert.equal(
        refusal(body, target),
        `${target.kind} in version "v1" cannot be handled as a ${target.kind}: json: cannot unmarshal ${expected}`,
      ),
    );
  }
  test('special texts', () => {
    const resources = { spec: { containers: [{ resources: { limits: { cpu: 'x' } } }] } };
    assert.match(refusal(resources, pod), /cannot be handled as a Pod: quantities must match the regular expression/);
    assert.match(
      refusal({ metadata: { deletionTimestamp: 'x' } }, pod),
      /: parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"$/,
    );
    assert.match(refusal({ binaryData: { a: 'a*k=' } }, configMap), /: illegal base64 data at input byte 1$/);
  });
});

test('malformed JSON is refused in the words of Go', () => {
  const cases: Record<string, string> = {
    '': 'unexpected end of JSON input',
    '{': 'unexpected end of JSON input',
    '{"a":x}': "invalid character 'x' looking for beginning of value",
    '{"a":1}x': "invalid character 'x' after top-level value",
    '{"a" 1}': "invalid character '1' after object key",
    '{a:1}': "invalid character 'a' looking for beginning of object key string",
    '{"a":1,}': "invalid character '}' looking for beginning of object key string",
    '[1 2]': "invalid character '2' after array element",
    '{"a":1 "b":2}': `invalid character '"' after object key:value pair`,
    '{"a":tru}': "invalid character '}' in literal true (expecting 'e')",
    '"\\x"': "invalid character 'x' in string escape code",
    '"a\nb"': "invalid character '\\n' in string literal",
    '"\\u12g4"': "invalid character 'g' in \\u hexadecimal character escape",
    '1.': 'unexpected end of JSON input',
    '-x': "invalid character 'x' in numeric literal",
    "'x'": "invalid character '\\'' looking for beginning of value",
    'apiVersion: v1': "invalid character 'a' looking for beginning of value",
  };
  for (const [json, expected] of Object.entries(cases)) assert.equal(syntaxError(json), expected, json);
  assert.equal(
    refusal('{"a":x}'),
    `the object provided is unrecognized (must be of type Deployment): couldn't get version/kind; json parse error: invalid character 'x' looking for beginning of value ({"a":x})`,
  );
});

test('whatever JSON.parse refuses gets a message, and the scan always ends', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"',
    '\\',
    '1',
    '-',
    '.',
    'e',
    'true',
    'nul',
    ' ',
    'ü',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const json = pieces.join('');
      try {
        JSON.parse(json);
      } catch {
        assert.match(syntaxError(json), /^(?:invalid character|unexpected end)/, json);
      }
    }),
    { numRuns: 2000 },
  );
});

test('unknown fields are dropped and named, with their path', () => {
  const body = { spec: { foo: 1, containers: [{ bar: { x: 1 } }] }, baz: null };
  const { object, warnings } = decodeJson(text(body), pod);
  assert.deepEqual(object, { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: { containers: [{}] }, status: {} });
  assert.deepEqual(warnings, [
    'unknown field "spec.foo"',
    'unknown field "spec.containers[0].bar"',
    'unknown field "baz"',
  ]);
  assert.deepEqual(decodeJson(text(body), pod, { fieldValidation: 'Ignore' }).warnings, []);
});

test('half a pair of escapes is the replacement character, as in Go', () => {
  const cases: Readonly<Record<string, string>> = {
    '\\ud800': '\ufffd',
    '\\uDFFFa': '\ufffda',
    '\\ud800\\u0041': '\ufffdA',
    '\\ud800\\ud83d\\ude00': '\ufffd😀',
    '\\ud83d\\ude00': '😀',
    '\\\\ud800': '\\ud800',
    '\\\\\\ud800': '\\\ufffd',
  };
  for (const [escaped, meant] of Object.entries(cases)) {
    const { data } = decode(`{"data":{"a":"${escaped}","${escaped}":"b"}}`, configMap);
    assert.deepEqual(data, { a: meant, [meant]: 'b' }, escaped);
  }
});

test('keys that stand twice are named unless their parent is unknown', () => {
  const body = '{"spec":{"replicas":1,"replicas":2,"x":{"a":1,"a":2}},"metadata":{"labels":{"a":"1","\\u0061":"2"}}}';
  assert.deepEqual(decodeJson(body, deployment).warnings, [
    'unknown field "spec.x"',
    'duplicate field "spec.replicas"',
    'duplicate field "metadata.labels.a"',
  ]);
  assert.equal(
    refusal('{"spec":{"replicas":1,"replicas":2,"foo":1}}', deployment, { fieldValidation: 'Strict' }),
    'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.foo", duplicate field "spec.replicas"',
  );
  assert.deepEqual(duplicateKeys('[{"a":1},{"a":[{"b":"}","b":2}],"a":3}]'), ['[1].a[0].b', '[1].a']);
});

test('as many keys are counted in a text as its value has', () => {
  const keysOf = (value: unknown): number =>
    typeof value !== 'object' || value === null
      ? 0
      : Object.values(value).reduce<number>(
          (n, v) => n + keysOf(v),
          Array.isArray(value) ? 0 : Object.keys(value).length,
        );
  fc.assert(
    fc.property(
      fc.jsonValue({ stringUnit: fc.constantFrom('"', '\\', ':', 'a', ' ') }),
      fc.constantFrom(0, 2),
      (value, indent) => {
        const json = JSON.stringify(value, undefined, indent);
        assert.equal(countKeys(json), keysOf(value));
        assert.deepEqual(duplicateKeys(json), []);
      },
    ),
  );
});

test('what Go would not write again is left out, what stands behind a pointer is kept', () => {
  const spec = {
    containers: [{ name: 'a', image: '', args: [], resources: { requests: { cpu: 0.5, memory: '1024Mi' } } }],
    hostNetwork: false,
    hostUsers: false,
    volumes: [],
    nodeSelector: {},
    tolerations: [null],
    terminationGracePeriodSeconds: 0,
  };
  assert.deepEqual(
    decode({ metadata: { name: '', creationTimestamp: null, finalizers: [], managedFields: [] }, spec }, pod),
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { managedFields: [] },
      spec: {
        containers: [{ name: 'a', resources: { requests: { cpu: '500m', memory: '1Gi' } } }],
        hostUsers: false,
        tolerations: [{}],
        terminationGracePeriodSeconds: 0,
      },
      status: {},
    },
  );
});

test('a key named __proto__ is data in a map and nothing elsewhere', () => {
  const object = decode(
    '{"__proto__":{"x":1},"data":{"__proto__":"x","constructor":"y"},"metadata":{"__proto__":{"name":"z"}}}',
    configMap,
  );
  assert.deepEqual(Object.keys(object['data'] as object), ['__proto__', 'constructor']);
  assert.equal((object['metadata'] as Record<string, unknown>)['name'], undefined);
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
  assert.match(encodeJson(object).toString(), /"data":\{"__proto__":"x","constructor":"y"\}/);
});

test('the body must be what the path asks for', () => {
  assert.equal(
    refusal({ apiVersion: 'apps/v1beta1', kind: 'Deployment' }),
    'the API version in the data (apps/v1beta1) does not match the expected API version (apps/v1)',
  );
  assert.match(
    refusal({ apiVersion: 'v1', kind: 'Pod' }),
    /^Pod in version "v1" cannot be handled as a Deployment: converting \(v1\.Pod\)/,
  );
  assert.match(refusal([]), /Go value of type struct \{ APIVersion string/);
  assert.deepEqual(decode('null', configMap), { apiVersion: 'v1', kind: 'ConfigMap', metadata: {} });
});

test('nesting beyond all sense is refused, not overflowed', () => {
  const deep = (n: number): string => `${'{"a":'.repeat(n)}1${'}'.repeat(n)}`;
  assert.match(refusal(`{"metadata":{"managedFields":[{"fieldsV1":${deep(100_000)}}]}}`, pod), /exceeded max depth$/);
  assert.match(refusal(`{"nobody":${deep(100_000)}}`, pod), /exceeded max depth$/);
  assert.match(refusal('['.repeat(1_000_000), pod), /exceeded max depth|unexpected end of JSON input/);
});

test('the value given is not changed', () => {
  const body = Object.freeze({
    spec: Object.freeze({
      containers: Object.freeze([Object.freeze({ image: '', resources: { limits: { cpu: '1000m' } } })]),
    }),
  });
  assert.deepEqual(decode(body, pod)['spec'], { containers: [{ resources: { limits: { cpu: '1' } } }] });
});

test('encoded objects begin with apiVersion, kind and metadata', () => {
  const bytes = encodeJson({ spec: { a: 1 }, metadata: { name: 'x' }, kind: 'K', apiVersion: 'v1' });
  assert.equal(bytes.toString(), '{"apiVersion":"v1","kind":"K","metadata":{"name":"x"},"spec":{"a":1}}');
});
