import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEncryptionConfiguration } from './configuration.ts';
import { encryptionOf, providersByResource } from './types.ts';

const SECRET = Buffer.alloc(32, 1).toString('base64');

/** A file with these entries. */
const file = (...resources: readonly object[]): string =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources });

const entry = (resources: readonly string[], ...providers: readonly object[]): object => ({
  resources,
  providers: providers.length === 0 ? [{ aescbc: { keys: [{ name: 'key1', secret: SECRET }] } }] : providers,
});

function refusal(text: string): string {
  try {
    parseEncryptionConfiguration(text, '/etc/enc.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  assert.fail(`taken: ${text}`);
}

test('a file in YAML is read as upstream reads it', () => {
  const { resources } = parseEncryptionConfiguration(
    `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [events]
    providers:
      - identity: {}
  - resources: [secrets, pandas.awesome.bears.example]
    providers:
      - aescbc: { keys: [{ name: key1, secret: "${SECRET}" }] }
      - identity: {}
  - resources: ['*.apps']
    providers: [{ secretbox: { keys: [{ name: key2, secret: "${SECRET}" }] } }]
  - resources: ['*.*']
    providers: [{ aesgcm: { keys: [{ name: key3, secret: "${SECRET}" }] } }]
`,
    'x',
  );
  const all = providersByResource({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources,
  });
  const of = (group: string, resource: string): string | undefined => {
    const [first] = encryptionOf(all, { group, resource }) ?? [];
    return first === undefined ? undefined : Object.keys(first).join();
  };
  assert.equal(of('', 'events'), 'identity');
  assert.equal(of('', 'secrets'), 'aescbc');
  assert.equal(of('awesome.bears.example', 'pandas'), 'aescbc');
  assert.equal(of('apps', 'deployments'), 'secretbox');
  assert.equal(of('batch', 'jobs'), 'aesgcm');
});

test('what is not named is not encrypted, and *. is the core group alone', () => {
  const all = providersByResource(parseEncryptionConfiguration(file(entry(['*.'])), 'x'));
  assert.notEqual(encryptionOf(all, { group: '', resource: 'pods' }), undefined);
  assert.equal(encryptionOf(all, { group: 'apps', resource: 'deployments' }), undefined);
});

test('what cannot be decoded is refused, and nothing of the text is told', () => {
  const where = 'error while parsing file: error decoding encryption provider configuration file "/etc/enc.yaml": ';
  assert.equal(
    refusal(''),
    'error while parsing file: error while loading file: encryption provider configuration file "/etc/enc.yaml" is empty',
  );
  assert.equal(refusal('a: b'), `${where}Object 'Kind' is missing`);
  assert.equal(refusal('kind: EncryptionConfiguration'), `${where}Object 'apiVersion' is missing`);
  assert.equal(
    refusal('kind: EncryptionConfig\napiVersion: v1'),
    `${where}no kind "EncryptionConfig" is registered for version "v1"`,
  );
  assert.equal(
    refusal(file({ ...entry(['secrets']), extra: 1 })),
    `${where}strict decoding error: unknown field "resources[0].extra"`,
  );
  for (const text of [`${SECRET}: [`, `kind: EncryptionConfiguration\n\t${SECRET}`, `[${SECRET}]`, SECRET])
    assert.ok(!refusal(text).includes(SECRET.slice(0, 8)));
  assert.match(
    refusal(file({ resources: 'secrets' })),
    /cannot unmarshal string into field resources\[0\]\.resources of type list/,
  );
});

const keys = (provider: string, ...list: readonly object[]): object => ({ [provider]: { keys: list } });

const PATH = 'resources[0].providers[0]';

const refused: [what: string, resources: readonly string[], provider: object, text: string][] = [
  ['no keys', ['secrets'], keys('aesgcm'), `${PATH}.aesgcm.keys: Required value: at least one keys is required`],
  [
    'a key without name',
    ['secrets'],
    keys('aescbc', { secret: SECRET }),
    `${PATH}.aescbc.keys[0].name: Required value: name is a mandatory field for a key`,
  ],
  [
    'a key without secret',
    ['secrets'],
    keys('aescbc', { name: 'a' }),
    `${PATH}.aescbc.keys[0].secret: Required value: secret is a mandatory field for a key`,
  ],
  [
    'no base64',
    ['secrets'],
    keys('aescbc', { name: 'a', secret: '?' }),
    `${PATH}.aescbc.keys[0].secret: Invalid value: "REDACTED": secrets must be base64 encoded`,
  ],
  [
    'a short AES key',
    ['secrets'],
    keys('aescbc', { name: 'a', secret: 'AAAA' }),
    `${PATH}.aescbc.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 3, expected one of [16 24 32]`,
  ],
  [
    'a short secretbox key',
    ['secrets'],
    keys('secretbox', { name: 'a', secret: 'AAAAAAAAAAAAAAAAAAAAAA==' }),
    `${PATH}.secretbox.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 16, expected one of [32]`,
  ],
  [
    'an empty provider',
    ['secrets'],
    {},
    `${PATH}: Invalid value: {"AESGCM":null,"AESCBC":null,"Secretbox":null,"Identity":null,"KMS":null}: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity`,
  ],
  [
    'KMS',
    ['secrets'],
    { kms: { apiVersion: 'v2', name: 'a', endpoint: 'unix:///a' } },
    `${PATH}.kms: Forbidden: KMS v2 is not supported, use aescbc, aesgcm or secretbox with keys in this file`,
  ],
  [
    'no resources',
    [],
    { identity: {} },
    'resources[0].resources: Required value: at least one resources[0].resources is required',
  ],
  [
    'capitals',
    ['Secrets'],
    { identity: {} },
    'resources[0].resources[0]: Invalid value: "Secrets": resource name should not contain capital letters',
  ],
  [
    'a bare star',
    ['*'],
    { identity: {} },
    `resources[0].resources[0]: Invalid value: "*": use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources`,
  ],
  [
    'no API',
    ['serviceipallocations'],
    { identity: {} },
    'resources[0].resources[0]: Invalid value: "serviceipallocations": resources which do not have REST API/s cannot be encrypted',
  ],
  [
    'new events',
    ['events.events.k8s.io'],
    { identity: {} },
    `resources[0].resources[0]: Invalid value: "events.events.k8s.io": '*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file`,
  ],
  [
    'extensions',
    ['ingresses.extensions'],
    { identity: {} },
    `resources[0].resources[0]: Invalid value: "ingresses.extensions": 'extensions' group has been removed and cannot be used for encryption`,
  ],
  [
    'one resource of all groups',
    ['jobs.*'],
    { identity: {} },
    'resources[0].resources[0]: Invalid value: "jobs.*": encrypting the same resource across groups is not supported',
  ],
  [
    'the same twice',
    ['secrets', 'secrets'],
    { identity: {} },
    'resources[0].resources: Invalid value: ["secrets","secrets"]: the same resource cannot be specified multiple times',
  ],
  [
    'what a wildcard covers',
    ['secrets', '*.'],
    { identity: {} },
    `resources[0].resources: Invalid value: ["secrets","*."]: using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked`,
  ],
];

for (const [what, resources, provider, text] of refused)
  test(`${what} is refused in upstream's words`, () => {
    assert.equal(refusal(file({ resources, providers: [provider] })), `error while parsing file: ${text}`);
  });

test('two providers in one element are refused, and the key is not told', () => {
  const text = refusal(file(entry(['secrets'], { aescbc: { keys: [{ name: 'a', secret: SECRET }] }, identity: {} })));
  assert.match(text, /more than one provider specified in a single element, should split into different list elements/);
  assert.ok(!text.includes(SECRET));
});

test('several faults stand in brackets, and lists without entries are required', () => {
  assert.equal(
    refusal(file()),
    'error while parsing file: resources: Required value: at least one resources is required',
  );
  assert.match(refusal(file({ resources: ['*', 'A'], providers: [] })), /^error while parsing file: \[.*, .*\]$/);
});

test('an entry that an earlier wildcard hides is refused', () => {
  for (const [first, second, rule] of [
    ['*.*', 'secrets', '*.*'],
    ['*.', 'secrets', '*.'],
    ['*.apps', 'deployments.apps', '*.apps'],
    ['*.*', '*.apps', '*.*'],
  ] as const)
    assert.equal(
      refusal(file(entry([first]), entry([second]))),
      `error while building transformers: resource "${second}" is masked by earlier rule "${rule}"`,
    );
  assert.equal(parseEncryptionConfiguration(file(entry(['secrets']), entry(['*.*'])), 'x').resources.length, 2);
});
