import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deepClone } from '../equality.ts';
import { fieldErrorText } from '../field-error.ts';
import type * as apiextensions from '../generated/apiextensions.v1.ts';
import { CustomResourceDefinition } from './customresourcedefinition.ts';

type Definition = apiextensions.CustomResourceDefinition;
type Version = apiextensions.CustomResourceDefinitionVersion;

const STRING = { type: 'string' };
const V1: Version = {
  name: 'v1',
  served: true,
  storage: true,
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: { color: STRING, size: { type: 'integer' }, o: { type: 'object' }, 'a.b': STRING },
        },
        metadata: { type: 'object' },
        map: { type: 'object', additionalProperties: STRING },
      },
    },
  },
};
const V2: Version = { ...V1, name: 'v2', storage: false, schema: { openAPIV3Schema: { type: 'object' } } };

/** A definition as it is stored after a create. */
function definition(spec: Record<string, unknown> = {}, version: Partial<Version> = {}): Definition {
  const made = deepClone({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.x.test' },
    spec: {
      group: 'x.test',
      scope: 'Namespaced',
      names: { kind: 'Thing', plural: 'things' },
      versions: [{ ...V1, ...version }],
      ...spec,
    },
    status: {},
  }) as unknown as Definition;
  CustomResourceDefinition.defaults!(made);
  CustomResourceDefinition.prepareForCreate!(made);
  return made;
}

const errorsOf = (made: Definition, old?: Definition): string[] =>
  CustomResourceDefinition.validate!(made, old).map(fieldErrorText);
const established = (made: Definition): Definition => ({
  ...made,
  status: { ...made.status, conditions: [{ type: 'Established', status: 'True' }] },
});

test('a definition is named by its plural and group', () => {
  assert.deepEqual(errorsOf(definition()), []);
  const other = definition();
  other.metadata.name = 'x';
  assert.deepEqual(errorsOf(other), ['metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group']);
  const cases: [string, string][] = [
    ['', 'spec.group: Required value'],
    ['test', 'spec.group: Invalid value: "test": should be a domain with at least one dot'],
  ];
  for (const [group, expected] of cases) assert.ok(errorsOf(definition({ group })).includes(expected));
});

test('what is the same in all versions is named at the top', () => {
  const bad = { schema: { openAPIV3Schema: { type: 'object', properties: { spec: {} } } } };
  assert.deepEqual(errorsOf(definition({}, bad)), [
    'spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields',
  ]);
  assert.deepEqual(errorsOf(definition({ versions: [{ ...V1, ...bad }, V2] })), [
    'spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields',
  ]);
});

test('names are labels, of which kinds may be of mixed case', () => {
  const names = {
    plural: 'things',
    kind: 'Th_ing',
    listKind: 'Thing',
    singular: 'Thing',
    shortNames: ['ok', 'N'],
    categories: ['a b'],
  };
  const texts = errorsOf(definition({ names })).map((text) => text.replace(/: a DNS-1035 label .*/, ': …'));
  assert.deepEqual(texts, [
    'spec.names.singular: Invalid value: "Thing": …',
    'spec.names.kind: Invalid value: "Th_ing": may have mixed case, but should otherwise match: …',
    'spec.names.shortNames[1]: Invalid value: "N": …',
    'spec.names.categories[0]: Invalid value: "a b": …',
  ]);
  assert.deepEqual(errorsOf(definition({ names: { plural: 'things', kind: 'A', listKind: 'A' } })), [
    'spec.names.listKind: Invalid value: "A": kind and listKind may not be the same',
  ]);
});

test('versions differ in name, and one of them is stored', () => {
  const [twice, once] = errorsOf(definition({ versions: [V1, { ...V1, storage: true }] }));
  assert.match(twice!, /^spec\.versions: Invalid value: \[\{"Name":"v1",.*\}\]: must contain unique version names$/);
  assert.match(once!, /must have exactly one version marked as storage version$/);
  assert.match(
    errorsOf(definition({ versions: [{ ...V1, name: 'V1' }] }))[0]!,
    /^spec\.versions\[0\]\.name: Invalid value: "V1": a DNS-1035 label/,
  );
});

test('deprecation, columns and subresources of a version', () => {
  const cases: [Partial<Version>, string[]][] = [
    [{ deprecationWarning: 'x' }, ['spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions']],
    [{ deprecated: true, deprecationWarning: '' }, ['spec.versions[0].deprecationWarning: Invalid value: "": must not be an empty string']],
    [{ deprecated: true, deprecationWarning: 'é\n' }, ['spec.versions[0].deprecationWarning: Invalid value: "é\\n": must only contain printable UTF-8 characters; non-printable character found at index 2']],
    [{ deprecated: true, deprecationWarning: 'x'.repeat(257) }, [`spec.versions[0].deprecationWarning: Invalid value: "${'x'.repeat(257)}": must be <= 256 characters long`]],
    [{ additionalPrinterColumns: [{ name: '', type: 'odd', format: 'odd', jsonPath: 'x' }, { name: 'n', type: '', jsonPath: '' }] }, [
      'spec.additionalPrinterColumns[0].name: Required value',
      'spec.additionalPrinterColumns[0].type: Invalid value: "odd": must be one of boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[0].format: Invalid value: "odd": must be one of byte,date,date-time,double,float,int32,int64,password',
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "x": must be a simple json path starting with .',
      'spec.additionalPrinterColumns[1].type: Required value: must be one of boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[1].JSONPath: Required value',
    ]],
    [{ subresources: { scale: { specReplicasPath: '.status.x', statusReplicasPath: '', labelSelectorPath: '.x' } } }, [
      'spec.subresources.scale.specReplicasPath: Invalid value: ".status.x": should be a json path under .spec',
      'spec.subresources.scale.statusReplicasPath: Required value',
      'spec.subresources.scale.labelSelectorPath: Invalid value: ".x": should be a json path under either .spec or .status',
    ]],
    [{ schema: { openAPIV3Schema: { type: 'object', minProperties: 1 } }, subresources: { status: {} } }, ['only']],
  ]; // prettier-ignore
  for (const [version, expected] of cases) {
    const texts = errorsOf(definition({}, version));
    if (expected[0] === 'only')
      assert.match(texts[0]!, /^spec\.validation\.openAPIV3Schema: Invalid value: \{"ID":"",.*: only \[/);
    else assert.deepEqual(texts, expected);
  }
});

test('selectable fields are scalars the schema knows', () => {
  const of = (...jsonPaths: string[]): string[] =>
    errorsOf(definition({}, { selectableFields: jsonPaths.map((jsonPath) => ({ jsonPath })) })).map((text) =>
      text.replace('spec.selectableFields', '#'),
    );
  assert.deepEqual(of('.spec.color', '.spec.size', '.map.x'), []);
  const scalar =
    'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
  const cases: [string, string][] = [
    ['', '#[0].jsonPath: Required value'],
    ['spec', '#[0].jsonPath: Invalid value: "spec": is an invalid path: expected [ or . but got: spec'],
    ['.spec.', '#[0].jsonPath: Invalid value: ".spec.": is an invalid path: unexpected end of JSON path'],
    ['.spec.none', '#[0].jsonPath: Invalid value: ".spec.none": is an invalid path: does not refer to a valid field'],
    [
      '.spec.constructor',
      '#[0].jsonPath: Invalid value: ".spec.constructor": is an invalid path: does not refer to a valid field',
    ],
    [
      ".spec['a.b']",
      '#[0].jsonPath: Invalid value: ".spec[\'a.b\']": is an invalid path: array notation is not allowed',
    ],
    ['.spec.o', `#[0].jsonPath: Invalid value: ".spec.o": ${scalar}`],
  ];
  for (const [path, expected] of cases) assert.deepEqual(of(path), [expected]);
  assert.deepEqual(of('.metadata'), [
    '#[0].jsonPath: Invalid value: ".metadata": must not point to fields in metadata',
    `#[0].jsonPath: Invalid value: ".metadata": ${scalar}`,
  ]);
  assert.deepEqual(of('.spec.color', '.spec.color'), ['#[1].jsonPath: Duplicate value: ".spec.color"']);
  const many = Array.from({ length: 9 }, (_, i) => `.map.k${i}`);
  assert.deepEqual(of(...many), ['#: Too many: 9: must have at most 8 items']);
  const before = definition({}, { selectableFields: many.map((jsonPath) => ({ jsonPath })) });
  assert.deepEqual(errorsOf(before, before), []);
});

test('objects are converted by webhooks that can be called', () => {
  const of = (conversion: Record<string, unknown>, old?: Definition): string[] =>
    errorsOf(definition({ conversion }), old).map((text) => text.replace('spec.conversion.', '#'));
  const webhook = (clientConfig: unknown, conversionReviewVersions = ['v1']): Record<string, unknown> => ({
    strategy: 'Webhook',
    webhook: { clientConfig, conversionReviewVersions },
  });
  const form = '; desired format: https://host[/path]';
  const cases: [Record<string, unknown>, string[]][] = [
    [{ strategy: 'Odd' }, ['#strategy: Unsupported value: "Odd": supported values: "None", "Webhook"']],
    [{ strategy: 'Webhook' }, ['#webhookClientConfig: Required value: required when strategy is set to Webhook', '#conversionReviewVersions: Required value']],
    [{ ...webhook({ url: 'https://a' }), strategy: 'None' }, ['#webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook', '#conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook']],
    [webhook({}), ['#webhookClientConfig: Required value: exactly one of url or service is required']],
    [webhook({ url: 'https://a/b' }, ['v9', 'v9']), ['#conversionReviewVersions[1]: Invalid value: "v9": duplicate version', '#conversionReviewVersions: Invalid value: ["v9","v9"]: must include at least one of v1, v1beta1']],
    [webhook({ url: 'http://u@/?q#f' }), [
      `#webhookClientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme${form}`,
      `#webhookClientConfig.url: Invalid value: "": host must be specified${form}`,
      '#webhookClientConfig.url: Invalid value: "u": user information is not permitted in the URL',
      '#webhookClientConfig.url: Invalid value: "f": fragments are not permitted in the URL',
      '#webhookClientConfig.url: Invalid value: "q": query parameters are not permitted in the URL',
    ]],
    [webhook({ url: 'https://h:x/' }), [`#webhookClientConfig.url: Required value: url must be a valid URL: parse "https://h:x/": invalid port ":x" after host${form}`]],
    [webhook({ service: { name: 'n', namespace: '', port: 0, path: 'a//B' } }), [
      '#webhookClientConfig.service.name: Required value',
      '#webhookClientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
      '#webhookClientConfig.service.path: Invalid value: "a//B": must start with a \'/\'',
      '#webhookClientConfig.service.path: Invalid value: "a//B": segment[0] may not be empty',
      '#webhookClientConfig.service.path: Invalid value: "a//B": segment[1] may not be empty',
      '#webhookClientConfig.service.path: Invalid value: "a//B": segment[2]: …',
    ]],
    [webhook({ url: 'https://a', caBundle: 'bm9wZQ==' }), []],
  ]; // prettier-ignore
  for (const [conversion, expected] of cases) {
    const texts = of(conversion).map((text) => text.replace(/: a lowercase RFC 1123 subdomain.*/, ': …'));
    assert.deepEqual(texts, expected);
  }
  const bad = webhook({ url: 'https://a', caBundle: 'bm9wZQ==' });
  assert.deepEqual(of(bad, established(definition())), [
    '#webhookClientConfig.caBundle: Invalid value: "bm9wZQ==": unable to load root certificates: unable to parse bytes as PEM block',
  ]);
  assert.deepEqual(of(bad, established(definition({ conversion: bad }))), []);
});

test('an update keeps what objects are stored by, and lets be what was wrong', () => {
  const old = definition();
  const changed = definition({ group: 'y.test', scope: 'Cluster', names: { kind: 'Other', plural: 'others' } });
  const immutable = (...fields: [string, string][]): string[] =>
    fields.map(([field, value]) => `${field}: Invalid value: "${value}": field is immutable`);
  const always = immutable(['spec.group', 'y.test'], ['spec.names.plural', 'others']);
  assert.deepEqual(errorsOf(changed, old), always);
  assert.deepEqual(errorsOf(changed, established(old)), [
    ...immutable(['spec.scope', 'Cluster'], ['spec.names.kind', 'Other']),
    ...always,
  ]);
  const loose = definition({ preserveUnknownFields: true }, { schema: { openAPIV3Schema: { type: 'odd' } } });
  assert.equal(errorsOf(loose).length, 3);
  assert.deepEqual(errorsOf(loose, loose), []);
  const listed = { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'object' } };
  const set = definition({}, { schema: { openAPIV3Schema: { type: 'object', properties: { a: listed } } } });
  assert.equal(errorsOf(set).length, 1);
  assert.deepEqual(errorsOf(set, set), []);
});

test('versions that have been stored stay', () => {
  const made = definition({ versions: [V1, V2] });
  made.status.storedVersions = ['v0', 'v1'];
  assert.deepEqual(errorsOf(made, made), [
    'status.storedVersions[0]: Invalid value: "v0": missing from spec.versions; v0 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v0 and removes v0 from status.storedVersions',
  ]);
  made.status.storedVersions = ['v2'];
  assert.deepEqual(errorsOf(made, made), [
    'status.storedVersions: Invalid value: ["v2"]: must have the storage version v1',
  ]);
  CustomResourceDefinition.prepareForUpdate!(made, made);
  assert.deepEqual(made.status.storedVersions, ['v2', 'v1']);
});

test('groups of Kubernetes take an approval', () => {
  const of = (annotation?: string): string[] => {
    const made = definition({ group: 'x.k8s.io' });
    made.metadata.name = 'things.x.k8s.io';
    if (annotation !== undefined) made.metadata.annotations = { 'api-approved.kubernetes.io': annotation };
    return errorsOf(made);
  };
  const must = 'protected groups must have approval annotation "api-approved.kubernetes.io"';
  const see = 'see https://github.com/kubernetes/enhancements/pull/1111';
  assert.deepEqual(of(), [`metadata.annotations[api-approved.kubernetes.io]: Required value: ${must}, ${see}`]);
  assert.deepEqual(of('https://x'), []);
  assert.deepEqual(of('unapproved, so far'), []);
  assert.deepEqual(of('x'), [
    `metadata.annotations[api-approved.kubernetes.io]: Invalid value: "x": ${must} with either a URL or a reason starting with "unapproved", ${see}`,
  ]);
});

test('unknown formats are warned of, on an update the new ones', () => {
  const formatted = (...formats: string[]): Definition => {
    const properties = Object.fromEntries(formats.map((format) => [format, { type: 'string', format }]));
    return definition({}, { schema: { openAPIV3Schema: { type: 'object', properties } } });
  };
  const warnings = CustomResourceDefinition.warnings!;
  assert.deepEqual(warnings(formatted('odd', 'date', 'odder'), undefined), [
    'unrecognized format "odd"',
    'unrecognized format "odder"',
  ]);
  assert.deepEqual(warnings(formatted('odd', 'odder'), formatted('odd')), ['unrecognized format "odder"']);
});

test('a status has names that could be', () => {
  const made = definition();
  made.status.acceptedNames = { kind: 'A', plural: 'B' };
  assert.match(
    CustomResourceDefinition.status!.validateUpdate!(made, made).map(fieldErrorText)[0]!,
    /^status\.acceptedNames\.plural: Invalid value: "B": a DNS-1035/,
  );
});
