/**
 * Types of custom resources, from their structural schemas. Source: kube-openapi pkg/schemaconv/openapi.go, and what
 * apiextensions-apiserver pkg/controller/openapi/builder adds to a schema before: apiVersion, kind and metadata.
 */
import type { StructuralSchema } from '../../structural/schema.ts';
import { fieldElement } from '../fieldpath/element.ts';
import { compareText } from '../fieldpath/text.ts';
import { definitionType } from './definition-type.ts';
import { type ApplyType, ATOMIC, DEDUCED, type FieldType, type ListKey, type ListType, type MapType } from './type.ts';

/** The type of the objects of a custom resource in one version. Without a schema, everything is deduced from the values. */
export function structuralType(schema: StructuralSchema | undefined): ApplyType {
  if (schema === undefined) return DEDUCED;
  return typeOf({ ...schema, type: 'object', embeddedResource: true }, false);
}

const STRING: ApplyType = { scalar: 'string' };

function typeOf(schema: StructuralSchema, preserveAbove: boolean): ApplyType {
  // What is preserved is preserved all the way down.
  const preserve = preserveAbove || schema.preserveUnknownFields;
  switch (schema.type) {
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
      return schema.format === '' || schema.format === 'byte' ? STRING : { scalar: 'untyped' };
    default:
      return { scalar: 'untyped', list: listType(schema, preserve), map: mapType(schema, preserve) };
  }
}

function mapType(schema: StructuralSchema, preserve: boolean): MapType {
  const fields = new Map<string, FieldType>();
  const add = (name: string, type: ApplyType): unknown => fields.set(name, { name, element: fieldElement(name), type });
  for (const [name, property] of schema.properties) add(name, typeOf(property, preserve));
  if (schema.embeddedResource) {
    add('apiVersion', STRING);
    add('kind', STRING);
    add('metadata', definitionType('meta.v1.ObjectMeta'));
  }
  return {
    atomic: schema.mapType === 'atomic',
    fields,
    values: valuesOf(schema.additionalProperties, preserve, fields.size === 0),
    always: [],
  };
}

/** The type of keys that are no properties. An object without any is free in form. */
function valuesOf(
  additional: StructuralSchema['additionalProperties'],
  preserve: boolean,
  isFree: boolean,
): ApplyType | undefined {
  if (additional === undefined) return preserve || isFree ? DEDUCED : undefined;
  if (typeof additional === 'boolean') return additional ? DEDUCED : undefined;
  return typeOf(additional, preserve);
}

function listType(schema: StructuralSchema, preserve: boolean): ListType {
  const { items, listType: kind } = schema;
  const keys = kind === 'map' ? schema.listMapKeys : [];
  return {
    atomic: kind !== 'map' && kind !== 'set',
    keys: keys.toSorted(compareText).map((name): ListKey => {
      const fallback: unknown = items?.properties.get(name)?.default;
      return fallback === undefined ? { name } : { name, default: fallback };
    }),
    items: items === undefined ? ATOMIC : typeOf(items, preserve),
  };
}
