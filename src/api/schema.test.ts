import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  definitionNames,
  definitionOf,
  fieldOf,
  hasTypeMeta,
  nameOfOpenApi,
  openApiName,
  SCALARS,
  SPECIALS,
  splitType,
} from './schema.ts';

test('every type a field names is a scalar, a special type or a definition', () => {
  const known = new Set<string>([...SCALARS, ...SPECIALS, ...definitionNames()]);
  for (const name of definitionNames()) {
    for (const [field, { t }] of Object.entries(definitionOf(name).fields)) {
      assert.ok(known.has(splitType(t).of), `${name}.${field}: ${t}`);
    }
  }
});

test('OpenAPI names go there and back', () => {
  assert.equal(openApiName('core.v1.Pod'), 'io.k8s.api.core.v1.Pod');
  assert.equal(openApiName('meta.v1.ObjectMeta'), 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
  assert.equal(openApiName('Quantity'), 'io.k8s.apimachinery.pkg.api.resource.Quantity');
  for (const name of definitionNames()) assert.equal(nameOfOpenApi(openApiName(name)), name);
  assert.equal(nameOfOpenApi('com.example.Thing'), undefined);
});

test('names a field may not have are no fields', () => {
  assert.equal(fieldOf(definitionOf('core.v1.Pod'), 'constructor'), undefined);
  assert.equal(fieldOf(definitionOf('core.v1.Pod'), '__proto__'), undefined);
});

test('kinds and lists carry apiVersion and kind, templates do not', () => {
  assert.ok(hasTypeMeta('core.v1.Pod'));
  assert.ok(hasTypeMeta('meta.v1.DeleteOptions'));
  assert.ok(!hasTypeMeta('core.v1.PodTemplateSpec'));
  assert.ok(!hasTypeMeta('core.v1.PodSpec'));
});
