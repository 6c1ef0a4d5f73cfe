/** OpenAPI 3.0 documents as protobuf, which client-go's discovery client can ask for instead of JSON. */
import { encodeMessage, type Tables } from './gnostic.ts';

/** Source: gnostic openapiv3/OpenAPIv3.proto v0.7. */
const TABLES: Tables = {
  messages: {
    Document: {
      openapi: [1, 'string'],
      info: [2, 'Info'],
      paths: [4, 'Paths'],
      components: [5, 'Components'],
      security: [6, '[]SecurityRequirement'],
      'x-': [9, '{}Any'],
    },
    Info: { title: [1, 'string'], description: [2, 'string'], version: [6, 'string'], 'x-': [7, '{}Any'] },
    Paths: { 'x-': [2, '{}Any'], '*': [1, '{}PathItem'] },
    PathItem: {
      $ref: [1, 'string'],
      summary: [2, 'string'],
      description: [3, 'string'],
      get: [4, 'Operation'],
      put: [5, 'Operation'],
      post: [6, 'Operation'],
      delete: [7, 'Operation'],
      options: [8, 'Operation'],
      head: [9, 'Operation'],
      patch: [10, 'Operation'],
      parameters: [13, '[]ParameterOrReference'],
      'x-': [14, '{}Any'],
    },
    Operation: {
      tags: [1, '[]string'],
      summary: [2, 'string'],
      description: [3, 'string'],
      operationId: [5, 'string'],
      parameters: [6, '[]ParameterOrReference'],
      requestBody: [7, 'RequestBodyOrReference'],
      responses: [8, 'Responses'],
      deprecated: [10, 'bool'],
      'x-': [13, '{}Any'],
    },
    Parameter: {
      name: [1, 'string'],
      in: [2, 'string'],
      description: [3, 'string'],
      required: [4, 'bool'],
      deprecated: [5, 'bool'],
      allowEmptyValue: [6, 'bool'],
      schema: [10, 'SchemaOrReference'],
      'x-': [14, '{}Any'],
    },
    RequestBody: { description: [1, 'string'], content: [2, 'MediaTypes'], required: [3, 'bool'], 'x-': [4, '{}Any'] },
    MediaTypes: { 'x-': [1, '{}MediaType'], '*': [1, '{}MediaType'] },
    MediaType: { schema: [1, 'SchemaOrReference'], example: [2, 'Any'], 'x-': [5, '{}Any'] },
    Responses: { default: [1, 'ResponseOrReference'], 'x-': [3, '{}Any'], '*': [2, '{}ResponseOrReference'] },
    Response: { description: [1, 'string'], content: [3, 'MediaTypes'], 'x-': [5, '{}Any'] },
    Reference: { $ref: [1, 'string'], summary: [2, 'string'], description: [3, 'string'] },
    Components: { schemas: [1, 'Schemas'], securitySchemes: [7, 'SecuritySchemes'], 'x-': [10, '{}Any'] },
    /** Schemas of components and Properties, which are alike; their names may begin with `x-`. */
    Schemas: { 'x-': [1, '{}SchemaOrReference'], '*': [1, '{}SchemaOrReference'] },
    SecuritySchemes: { '*': [1, '{}SecuritySchemeOrReference'] },
    SecurityScheme: {
      type: [1, 'string'],
      description: [2, 'string'],
      name: [3, 'string'],
      in: [4, 'string'],
      'x-': [9, '{}Any'],
    },
    SecurityRequirement: { '*': [1, '{}Scopes'] },
    Schema: {
      nullable: [1, 'bool'],
      readOnly: [3, 'bool'],
      writeOnly: [4, 'bool'],
      externalDocs: [6, 'ExternalDocs'],
      example: [7, 'Any'],
      deprecated: [8, 'bool'],
      title: [9, 'string'],
      multipleOf: [10, 'double'],
      maximum: [11, 'double'],
      exclusiveMaximum: [12, 'bool'],
      minimum: [13, 'double'],
      exclusiveMinimum: [14, 'bool'],
      maxLength: [15, 'int64'],
      minLength: [16, 'int64'],
      pattern: [17, 'string'],
      maxItems: [18, 'int64'],
      minItems: [19, 'int64'],
      uniqueItems: [20, 'bool'],
      maxProperties: [21, 'int64'],
      minProperties: [22, 'int64'],
      required: [23, '[]string'],
      enum: [24, '[]Any'],
      type: [25, 'string'],
      allOf: [26, '[]SchemaOrReference'],
      oneOf: [27, '[]SchemaOrReference'],
      anyOf: [28, '[]SchemaOrReference'],
      not: [29, 'Schema'],
      items: [30, 'ItemsItem'],
      properties: [31, 'Schemas'],
      additionalProperties: [32, 'SchemaOrBool'],
      default: [33, 'Default'],
      description: [34, 'string'],
      format: [35, 'string'],
      'x-': [36, '{}Any'],
    },
    ExternalDocs: { description: [1, 'string'], url: [2, 'string'], 'x-': [3, '{}Any'] },
  },
  choices: {
    ParameterOrReference: orReference('Parameter'),
    RequestBodyOrReference: orReference('RequestBody'),
    ResponseOrReference: orReference('Response'),
    SchemaOrReference: orReference('Schema'),
    SecuritySchemeOrReference: orReference('SecurityScheme'),
    ItemsItem: () => [[1], 'SchemaOrReference'],
    SchemaOrBool: (value) => (typeof value === 'boolean' ? [[2], 'bool'] : [[1], 'SchemaOrReference']),
    Scopes: () => [[1], '[]string'],
    // Of objects, lists and null gnostic keeps only that there is a default.
    Default(value) {
      if (typeof value === 'number') return [[1], 'double'];
      if (typeof value === 'boolean') return [[2], 'bool'];
      return typeof value === 'string' ? [[3], 'string'] : [[], 'Empty'];
    },
  },
};

function orReference(type: string): (value: unknown) => readonly [readonly number[], string] {
  return (value) => (Object.hasOwn(value as object, '$ref') ? [[2], 'Reference'] : [[1], type]);
}

/** `document` is an OpenAPI 3.0 document as JSON has it. */
export const encodeGnosticV3 = (document: object): Generator<void, Buffer> =>
  encodeMessage(TABLES, 'Document', document);
