import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EncryptionConfiguration } from '#api';
import { unreadableText } from '../datastore/rewind.ts';
import { unreadableValues } from './census.ts';

const secret = Buffer.alloc(32).toString('base64');
const configuration: EncryptionConfiguration = {
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'EncryptionConfiguration',
  resources: [
    {
      resources: ['secrets'],
      providers: [{ aescbc: { keys: ['new', 'with:colon'].map((name) => ({ name, secret })) } }, { identity: {} }],
    },
    { resources: ['pandas.example.com'], providers: [{ secretbox: { keys: [{ name: 'new', secret }] } }] },
  ],
};

const pair = (key: string, text: string): { key: string; value: Buffer } => ({ key, value: Buffer.from(text) });
const VALUES = [
  pair('/registry/secrets/default/a', 'k8s:enc:aescbc:v1:new:x'),
  pair('/registry/secrets/default/b', 'k8s:enc:aescbc:v1:with:colon:x'),
  pair('/registry/secrets/default/c', '{"kind":"Secret"}'),
  pair('/registry/example.com/pandas/default/a', 'k8s:enc:secretbox:v1:new:x'),
  pair('/registry/deployments/default/a', '{"kind":"Deployment"}'),
  pair('/registry/ranges/serviceips', '{}'),
];

test('what a provider of its resource has the key for can be read', () => {
  assert.deepEqual(unreadableValues(configuration, VALUES), []);
  assert.deepEqual(unreadableValues(undefined, [pair('/registry/pods/default/a', '{}')]), []);
});

test('what lies under a key that is gone, or of another provider or resource, is counted by resource and key', () => {
  const found = unreadableValues(configuration, [
    ...VALUES,
    pair('/registry/secrets/default/d', 'k8s:enc:aescbc:v1:old:x'),
    pair('/registry/secrets/default/e', 'k8s:enc:aescbc:v1:old:x'),
    pair('/registry/secrets/default/f', 'k8s:enc:secretbox:v1:new:x'),
    pair('/registry/deployments/default/b', 'k8s:enc:aescbc:v1:new:x'),
    pair('/registry/example.com/pandas/default/b', '{"kind":"Panda"}'),
  ]);
  assert.deepEqual(found, [
    { resource: 'deployments.apps', provider: 'aescbc', key: 'new', objects: 1 },
    { resource: 'pandas.example.com', provider: 'identity', key: '', objects: 1 },
    { resource: 'secrets', provider: 'aescbc', key: 'old', objects: 2 },
    { resource: 'secrets', provider: 'secretbox', key: 'new', objects: 1 },
  ]);
});

test('without a configuration nothing encrypted can be read, and the words say what helps', () => {
  const found = unreadableValues(undefined, VALUES);
  assert.deepEqual(
    found.map(({ resource, key }) => `${resource} ${key}`),
    ['pandas.example.com new', 'secrets new', 'secrets with'],
  );
  const text = unreadableText(found, undefined);
  assert.match(text, /^ {2}1 of secrets were encrypted by aescbc with the key new$/m);
  assert.match(text, /the cluster has no encryption configuration: give it the one of that time/);
  assert.match(unreadableText(found, '/etc/e.yaml'), /^\/etc\/e\.yaml has no provider that reads them: put back/m);
});
