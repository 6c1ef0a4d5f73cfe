/**
 * Values in errors: Go prints its internal structs, which have no names of JSON. Source: apiextensions-apiserver
 * pkg/apis/apiextensions/{types,types_jsonschema}.go v0.36.
 */
import type * as apiextensions from '../generated/apiextensions.v1.ts';
import type { InternalVersion } from './internal.ts';

type Read = (value: never) => unknown;

const list =
  <T>(item: (value: T) => unknown) =>
  (values: readonly T[] | undefined): unknown =>
    values === undefined ? null : values.map(item);

const map =
  <T>(item: (value: T) => unknown) =>
  (values: Readonly<Record<string, T>> | undefined): unknown =>
    values === undefined
      ? null
      : Object.fromEntries(
          Object.keys(values)
            .toSorted()
            .map((key) => [key, item(values[key]!)]),
        );

const text = (value: string | undefined): string => value ?? '';
const flag = (value: boolean | undefined): boolean => value === true;
const orNull = (value: unknown): unknown => value ?? null;
const maybe =
  <T>(read: (value: T) => unknown) =>
  (value: T | undefined): unknown =>
    value === undefined ? null : read(value);

/** The struct with its fields in Go's order, each by the name JSON has for it. */
const struct =
  <T extends object>(fields: Readonly<Record<string, readonly [keyof T, Read]>>) =>
  (value: T): unknown =>
    Object.fromEntries(Object.entries(fields).map(([name, [key, read]]) => [name, read(value[key] as never)]));

type Props = apiextensions.JSONSchemaProps;

/** A schema as Go prints it in an error. */
export const printedSchema: (schema: Props) => unknown = struct<Props>({
  ID: ['id', text],
  Schema: ['$schema', text],
  Ref: ['$ref', orNull],
  Description: ['description', text],
  Type: ['type', text],
  Nullable: ['nullable', flag],
  Format: ['format', text],
  Title: ['title', text],
  Default: ['default', orNull],
  Maximum: ['maximum', orNull],
  ExclusiveMaximum: ['exclusiveMaximum', flag],
  Minimum: ['minimum', orNull],
  ExclusiveMinimum: ['exclusiveMinimum', flag],
  MaxLength: ['maxLength', orNull],
  MinLength: ['minLength', orNull],
  Pattern: ['pattern', text],
  MaxItems: ['maxItems', orNull],
  MinItems: ['minItems', orNull],
  UniqueItems: ['uniqueItems', flag],
  MultipleOf: ['multipleOf', orNull],
  Enum: ['enum', orNull],
  MaxProperties: ['maxProperties', orNull],
  MinProperties: ['minProperties', orNull],
  Required: ['required', orNull],
  Items: ['items', (value: Props['items']) => printedItems(value)],
  AllOf: ['allOf', list((schema: Props) => printedSchema(schema))],
  OneOf: ['oneOf', list((schema: Props) => printedSchema(schema))],
  AnyOf: ['anyOf', list((schema: Props) => printedSchema(schema))],
  Not: ['not', maybe((schema: Props) => printedSchema(schema))],
  Properties: ['properties', map((schema: Props) => printedSchema(schema))],
  AdditionalProperties: ['additionalProperties', maybe((value: Props | boolean) => printedOrBool(value))],
  PatternProperties: ['patternProperties', map((schema: Props) => printedSchema(schema))],
  Dependencies: [
    'dependencies',
    map((value: Props | string[]) =>
      Array.isArray(value) ? { Schema: null, Property: value } : { Schema: printedSchema(value), Property: null },
    ),
  ],
  AdditionalItems: ['additionalItems', maybe((value: Props | boolean) => printedOrBool(value))],
  Definitions: ['definitions', map((schema: Props) => printedSchema(schema))],
  ExternalDocs: [
    'externalDocs',
    maybe(struct<apiextensions.ExternalDocumentation>({ Description: ['description', text], URL: ['url', text] })),
  ],
  Example: ['example', orNull],
  XPreserveUnknownFields: ['x-kubernetes-preserve-unknown-fields', orNull],
  XEmbeddedResource: ['x-kubernetes-embedded-resource', flag],
  XIntOrString: ['x-kubernetes-int-or-string', flag],
  XListMapKeys: ['x-kubernetes-list-map-keys', orNull],
  XListType: ['x-kubernetes-list-type', orNull],
  XMapType: ['x-kubernetes-map-type', orNull],
  XValidations: [
    'x-kubernetes-validations',
    list(
      struct<apiextensions.ValidationRule>({
        Rule: ['rule', text],
        Message: ['message', text],
        MessageExpression: ['messageExpression', text],
        Reason: ['reason', orNull],
        FieldPath: ['fieldPath', text],
        OptionalOldSelf: ['optionalOldSelf', orNull],
      }),
    ),
  ],
});

/** What `items` says, as Go prints it in an error. */
export const printedItems = (items: Props['items']): unknown =>
  items === undefined
    ? null
    : Array.isArray(items)
      ? { Schema: null, JSONSchemas: items.map(printedSchema) }
      : { Schema: printedSchema(items), JSONSchemas: null };

const printedOrBool = (value: Props | boolean): unknown =>
  typeof value === 'boolean' ? { Allows: value, Schema: null } : { Allows: true, Schema: printedSchema(value) };

/** The versions of a definition as Go prints them in an error. */
export const printedVersions: (versions: readonly InternalVersion[] | undefined) => unknown = list(
  struct<InternalVersion>({
    Name: ['name', text],
    Served: ['served', flag],
    Storage: ['storage', flag],
    Deprecated: ['deprecated', flag],
    DeprecationWarning: ['deprecationWarning', orNull],
    Schema: [
      'schema',
      maybe(
        struct<apiextensions.CustomResourceValidation>({
          OpenAPIV3Schema: ['openAPIV3Schema', maybe((schema: Props) => printedSchema(schema))],
        }),
      ),
    ],
    Subresources: [
      'subresources',
      maybe(
        struct<apiextensions.CustomResourceSubresources>({
          Status: ['status', orNull],
          Scale: [
            'scale',
            maybe(
              struct<apiextensions.CustomResourceSubresourceScale>({
                SpecReplicasPath: ['specReplicasPath', text],
                StatusReplicasPath: ['statusReplicasPath', text],
                LabelSelectorPath: ['labelSelectorPath', orNull],
              }),
            ),
          ],
        }),
      ),
    ],
    AdditionalPrinterColumns: [
      'additionalPrinterColumns',
      list(
        struct<apiextensions.CustomResourceColumnDefinition>({
          Name: ['name', text],
          Type: ['type', text],
          Format: ['format', text],
          Description: ['description', text],
          Priority: ['priority', (value: number | undefined) => value ?? 0],
          JSONPath: ['jsonPath', text],
        }),
      ),
    ],
    SelectableFields: [
      'selectableFields',
      list(struct<apiextensions.SelectableField>({ JSONPath: ['jsonPath', text] })),
    ],
  }),
);
