import { definitionOf, type Field, hasTypeMeta, splitType } from '../../schema.ts';
import { fieldElement } from '../fieldpath/element.ts';
import { compareText } from '../fieldpath/text.ts';
import { type ApplyType, ATOMIC, type FieldType, type ListKey, listOf, mapOf } from './type.ts';
import { isAlwaysWritten, isStruct } from './written.ts';

/** Source: convertPrimitive of kube-openapi pkg/schemaconv: a string with a format, but for bytes, is any scalar. */
const SCALARS: Readonly<Record<string, ApplyType>> = {
  string: { scalar: 'string' },
  bytes: { scalar: 'string' },
  bool: { scalar: 'boolean' },
  int32: { scalar: 'numeric' },
  int64: { scalar: 'numeric' },
  double: { scalar: 'numeric' },
  Time: { scalar: 'untyped' },
  MicroTime: { scalar: 'untyped' },
  Duration: { scalar: 'string' },
  Quantity: { scalar: 'untyped' },
  IntOrString: { scalar: 'untyped' },
  Raw: ATOMIC,
};

/** Go's zero values as JSON. */
const ZEROS: Readonly<Record<string, unknown>> = {
  string: '', bytes: null, bool: false, int32: 0, int64: 0, double: 0,
  Time: null, MicroTime: null, Duration: '0s', Quantity: '0', IntOrString: 0, Raw: null,
}; // prettier-ignore

/** Keys with a default that is not Go's zero value. Source: +default markers of core/v1 types.go v0.36. */
const KEY_DEFAULTS: Readonly<Record<string, unknown>> = {
  'core.v1.ContainerPort.protocol': 'TCP',
  'core.v1.ServicePort.protocol': 'TCP',
  'core.v1.LocalObjectReference.name': '',
};

const types = new Map<string, ApplyType>();

/** The type of a definition of the schema: `core.v1.Pod`. Made once; definitions may be recursive. */
export function definitionType(name: string): ApplyType {
  const known = types.get(name);
  if (known !== undefined) return known;
  const type: ApplyType = {};
  types.set(name, type);
  return Object.assign(type, build(name));
}

const STRING = SCALARS['string']!;
const TYPE_META: readonly FieldType[] = ['apiVersion', 'kind'].map((name) => ({
  name,
  element: fieldElement(name),
  type: STRING,
}));

function build(name: string): ApplyType {
  // A schema or something else in its place; it only comes up within lists that are one value.
  if (name.startsWith('apiextensions.v1.JSONSchemaPropsOr')) return ATOMIC;
  const definition = definitionOf(name);
  if (definition.bare === 1) return listOf(elementType(splitType(definition.fields['items']!.t).of));
  const fields = new Map<string, FieldType>();
  if (hasTypeMeta(name)) for (const field of TYPE_META) fields.set(field.name, field);
  for (const [key, field] of Object.entries(definition.fields)) {
    fields.set(key, {
      name: key,
      element: fieldElement(key),
      type: fieldType(field),
      zero: zeroOf(name, key, field),
    });
  }
  const always = [...fields.values()].filter(({ zero }) => zero !== undefined);
  return { map: { atomic: definition.atomic === 1, fields, values: undefined, always } };
}

const elementType = (of: string): ApplyType => SCALARS[of] ?? definitionType(of);

function fieldType({ t, list, keys, map }: Field): ApplyType {
  const { container, of } = splitType(t);
  const element = elementType(of);
  if (container === 'map') return mapOf(element, map === 'atomic');
  if (container === undefined) return element;
  return listOf(element, list === undefined ? undefined : list === 'set' ? [] : listKeys(of, keys ?? []));
}

/** Keys that Go always writes have a default in OpenAPI: their zero value. */
function listKeys(of: string, names: readonly string[]): ListKey[] {
  return names.toSorted(compareText).map((name) => {
    const field = definitionOf(of).fields[name];
    const known = KEY_DEFAULTS[`${of}.${name}`];
    const fallback = known ?? (field?.req === 1 && field.go?.startsWith('*') !== true ? ZEROS[field.t] : undefined);
    return fallback === undefined ? { name } : { name, default: fallback };
  });
}

const EMPTY = Object.freeze({});

/** What Go has in a field nobody has set; undefined where the field is left out then. */
function zeroOf(definition: string, key: string, field: Field): unknown {
  const { container, of } = splitType(field.t);
  if (container === undefined && of.includes('.') && isStruct(definition, key)) return EMPTY;
  if (!isAlwaysWritten(definition, key, field)) return undefined;
  return container !== undefined || of.includes('.') || field.go?.startsWith('*') === true ? null : ZEROS[of];
}
