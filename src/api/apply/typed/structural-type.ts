/**
 * Types of custom resources, from their structural schemas. Source: kube-openapi pkg/schemaconv/openapi.go, and what
 * apiextensions-apiserver pkg/controller/openapi/builder adds to a schema before: apiVersion, kind and metadata.
 */
import type { JSONSchemaProps } from '../../generated/apiextensions.v1.ts';
import { fieldElement } from '../fieldpath/element.ts';
import { compareText } from '../fieldpath/text.ts';
import { definitionType } from './definition-type.ts';
import { type ApplyType, ATOMIC, DEDUCED, type FieldType, type ListKey, type ListType, type MapType } from './type.ts';

/** The type of the objects of a custom resource in one version. Without a schema, everything is deduced from the values. */
export function structuralType(schema: JSONSchemaProps | undefined): ApplyType {
  if (schema === undefined) return DEDUCED;
  return typeOf({ ...schema, type: 'object', 'x-kubernetes-embedded-resource': true }, false);
}

const STRING: ApplyType = { scalar: 'string' };

function typeOf(schema: JSONSchemaProps, preserveAbove: boolean): ApplyType {
  // What is preserved is preserved all the way down.
  const preserve = preserveAbove || schema['x-kubernetes-preserve-unknown-fields'] === true;
  switch (schema.type ?? '') {
    case 'object':
      return { map: mapType(schema, preserve) };
    case 'array':
      return { list: listType(schema, preserve) };
    case 'integer':
    case 'number':
      return { scalar: 'numeric' };
    case 'boolean':
      return { scalar: 'boolean' };
    case 'string':
      return (schema.format ?? '') === '' || schema.format === 'byte' ? STRING : { scalar: 'untyped' };
    default:
      return { scalar: 'untyped', list: listType(schema, preserve), map: mapType(schema, preserve) };
  }
}

function mapType(schema: JSONSchemaProps, preserve: boolean): MapType {
  const fields = new Map<string, FieldType>();
  const add = (name: string, type: ApplyType): unknown => fields.set(name, { name, element: fieldElement(name), type });
  for (const [name, property] of Object.entries(schema.properties ?? {})) add(name, typeOf(property, preserve));
  if (schema['x-kubernetes-embedded-resource'] === true) {
    add('apiVersion', STRING);
    add('kind', STRING);
    add('metadata', definitionType('meta.v1.ObjectMeta'));
  }
  return {
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    fields,
    values: valuesOf(schema.additionalProperties, preserve, fields.size === 0),
    always: [],
  };
}

/** The type of keys that are no properties. An object without any is free in form. */
function valuesOf(
  additional: JSONSchemaProps['additionalProperties'],
  preserve: boolean,
  isFree: boolean,
): ApplyType | undefined {
  if (additional === undefined) return preserve || isFree ? DEDUCED : undefined;
  if (typeof additional === 'boolean') return additional ? DEDUCED : undefined;
  return typeOf(additional, preserve);
}

function listType(schema: JSONSchemaProps, preserve: boolean): ListType {
  // Structural schemas have one schema for all items.
  const items = Array.isArray(schema.items) ? schema.items[0] : schema.items;
  const kind = schema['x-kubernetes-list-type'];
  const keys = kind === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : [];
  return {
    atomic: kind !== 'map' && kind !== 'set',
    keys: keys.toSorted(compareText).map((name): ListKey => {
      const fallback: unknown = items?.properties?.[name]?.default;
      return fallback === undefined ? { name } : { name, default: fallback };
    }),
    items: items === undefined ? ATOMIC : typeOf(items, preserve),
  };
}
