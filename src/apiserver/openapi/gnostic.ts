/**
 * OpenAPI documents as protobuf: the messages of google/gnostic, those of version 2.0, which kubectl asks for instead of JSON.
 * Driven by tables; a key no table knows is an error, so that nothing is lost in silence.
 */
import { ProtobufWriter } from '#api';

/**
 * Number and type of a field: `string`, `bool`, `int64`, `double`, `Any` (the value as YAML), `Empty` (a message without fields), a message, a choice, `[]T` for a list, and `{}T` for a map,
 * which gnostic writes as a list of entries of a name (1) and a value (2).
 */
type Row = readonly [number: number, type: string];

/** JSON key → field. `x-` stands for all vendor extensions, `*` for all keys not listed. */
type Message = Readonly<Record<string, Row>>;

/** Types whose message depends on the value: field numbers down to it through messages that have nothing else, and its type. */
type Choice = (value: unknown) => readonly [path: readonly number[], type: string];

/** What a version of the documents is made of, by the names of the types. */
export interface Tables {
  readonly messages: Readonly<Record<string, Message>>;
  readonly choices: Readonly<Record<string, Choice>>;
}

/** Source: gnostic openapiv2/OpenAPIv2.proto v0.7. */
const MESSAGES: Tables['messages'] = {
  Document: {
    swagger: [1, 'string'],
    info: [2, 'Info'],
    host: [3, 'string'],
    basePath: [4, 'string'],
    schemes: [5, '[]string'],
    consumes: [6, '[]string'],
    produces: [7, '[]string'],
    paths: [8, 'Paths'],
    definitions: [9, 'Schemas'],
    security: [12, '[]SecurityRequirement'],
    securityDefinitions: [13, 'SecurityDefinitions'],
    'x-': [16, '{}Any'],
  },
  Info: { title: [1, 'string'], version: [2, 'string'], description: [3, 'string'], 'x-': [7, '{}Any'] },
  Paths: { 'x-': [1, '{}Any'], '*': [2, '{}PathItem'] },
  PathItem: {
    $ref: [1, 'string'],
    get: [2, 'Operation'],
    put: [3, 'Operation'],
    post: [4, 'Operation'],
    delete: [5, 'Operation'],
    options: [6, 'Operation'],
    head: [7, 'Operation'],
    patch: [8, 'Operation'],
    parameters: [9, '[]Parameter'],
    'x-': [10, '{}Any'],
  },
  Operation: {
    tags: [1, '[]string'],
    summary: [2, 'string'],
    description: [3, 'string'],
    operationId: [5, 'string'],
    produces: [6, '[]string'],
    consumes: [7, '[]string'],
    parameters: [8, '[]Parameter'],
    responses: [9, 'Responses'],
    schemes: [10, '[]string'],
    deprecated: [11, 'bool'],
    'x-': [13, '{}Any'],
  },
  BodyParameter: {
    description: [1, 'string'],
    name: [2, 'string'],
    in: [3, 'string'],
    required: [4, 'bool'],
    schema: [5, 'Schema'],
    'x-': [6, '{}Any'],
  },
  QueryParameter: {
    required: [1, 'bool'],
    in: [2, 'string'],
    description: [3, 'string'],
    name: [4, 'string'],
    allowEmptyValue: [5, 'bool'],
    type: [6, 'string'],
    format: [7, 'string'],
    uniqueItems: [20, 'bool'],
    'x-': [23, '{}Any'],
  },
  PathParameter: {
    required: [1, 'bool'],
    in: [2, 'string'],
    description: [3, 'string'],
    name: [4, 'string'],
    type: [5, 'string'],
    format: [6, 'string'],
    uniqueItems: [19, 'bool'],
    'x-': [22, '{}Any'],
  },
  Responses: { 'x-': [2, '{}Any'], '*': [1, '{}Response'] },
  PlainResponse: { description: [1, 'string'], schema: [2, 'SchemaItem'], 'x-': [5, '{}Any'] },
  JsonReference: { $ref: [1, 'string'], description: [2, 'string'] },
  /** Definitions and Properties, which are alike; their names may begin with `x-`. */
  Schemas: { 'x-': [1, '{}Schema'], '*': [1, '{}Schema'] },
  Schema: {
    $ref: [1, 'string'],
    format: [2, 'string'],
    title: [3, 'string'],
    description: [4, 'string'],
    default: [5, 'Any'],
    multipleOf: [6, 'double'],
    maximum: [7, 'double'],
    exclusiveMaximum: [8, 'bool'],
    minimum: [9, 'double'],
    exclusiveMinimum: [10, 'bool'],
    maxLength: [11, 'int64'],
    minLength: [12, 'int64'],
    pattern: [13, 'string'],
    maxItems: [14, 'int64'],
    minItems: [15, 'int64'],
    uniqueItems: [16, 'bool'],
    maxProperties: [17, 'int64'],
    minProperties: [18, 'int64'],
    required: [19, '[]string'],
    enum: [20, '[]Any'],
    additionalProperties: [21, 'SchemaOrBool'],
    type: [22, 'TypeItem'],
    items: [23, 'SchemaItem'],
    allOf: [24, '[]Schema'],
    properties: [25, 'Schemas'],
    discriminator: [26, 'string'],
    readOnly: [27, 'bool'],
    externalDocs: [29, 'ExternalDocs'],
    example: [30, 'Any'],
    'x-': [31, '{}Any'],
  },
  ExternalDocs: { description: [1, 'string'], url: [2, 'string'], 'x-': [3, '{}Any'] },
  SecurityDefinitions: { '*': [1, '{}SecurityScheme'] },
  ApiKey: {
    type: [1, 'string'],
    name: [2, 'string'],
    in: [3, 'string'],
    description: [4, 'string'],
    'x-': [5, '{}Any'],
  },
  SecurityRequirement: { '*': [1, '{}Scopes'] },
};

const CHOICES: Tables['choices'] = {
  // ParametersItem → Parameter → NonBodyParameter → one message for each place a parameter is in
  Parameter(value) {
    const { $ref, in: place } = value as { readonly $ref?: unknown; readonly in?: unknown };
    if ($ref !== undefined) return [[2], 'JsonReference'];
    if (place === 'body') return [[1, 1], 'BodyParameter'];
    if (place === 'query') return [[1, 2, 3], 'QueryParameter'];
    if (place === 'path') return [[1, 2, 4], 'PathParameter'];
    throw new Error(`a parameter in ${JSON.stringify(place)} is not provided for`);
  },
  Response: (value) => (!Object.hasOwn(value as object, '$ref') ? [[1], 'PlainResponse'] : [[2], 'JsonReference']),
  SchemaItem: () => [[1], 'Schema'],
  SchemaOrBool: (value) => (typeof value === 'boolean' ? [[2], 'bool'] : [[1], 'Schema']),
  TypeItem: (value) => [[1], Array.isArray(value) ? '[]string' : 'string'],
  SecurityScheme: () => [[2], 'ApiKey'],
  Scopes: () => [[1], '[]string'],
};

/** `document` is an OpenAPI 2.0 document as JSON has it. */
export const encodeGnostic = (document: object): Generator<void, Buffer> =>
  encodeMessage({ messages: MESSAGES, choices: CHOICES }, 'Document', document);

/**
 * A message of the tables, from its value as JSON has it. In steps, since it takes a while: one for each member of a member that is a map, as paths are.
 * Throws where a key is none of the message's.
 */
export function* encodeMessage(tables: Tables, name: string, value: object): Generator<void, Buffer> {
  const writer = new ProtobufWriter();
  const members = value as Record<string, Record<string, unknown>>;
  for (const key of Object.keys(members).toReversed()) {
    const [number, type] = tables.messages[name]![key] ?? [0, ''];
    if (tables.messages[type]?.['*'] === undefined) {
      writeMember(writer, tables, name, key, members[key]);
      continue;
    }
    const before = writer.length;
    for (const own of Object.keys(members[key]!).toReversed()) {
      writeMember(writer, tables, type, own, members[key]![own]);
      yield;
    }
    endDelimited(writer, number, before);
  }
  return writer.finish();
}

const MESSAGE_FIELD = 2; // wire types
const VARINT = 0;
const FIXED_64 = 1;

/** The writer fills its buffer from the end, so everything is written last to first. */
function writeMessage(writer: ProtobufWriter, tables: Tables, name: string, value: Record<string, unknown>): void {
  for (const key of Object.keys(value).toReversed()) writeMember(writer, tables, name, key, value[key]);
}

function writeMember(writer: ProtobufWriter, tables: Tables, name: string, key: string, value: unknown): void {
  const message = tables.messages[name]!;
  const row = Object.hasOwn(message, key)
    ? message[key]
    : ((key.startsWith('x-') ? message['x-'] : undefined) ?? message['*']);
  if (row === undefined) throw new Error(`${name}: nothing is known of the key ${key}`);
  const [number, type] = row;
  if (!type.startsWith('{}')) writeField(writer, tables, number, type, value);
  else
    delimited(writer, number, () => {
      writeField(writer, tables, 2, type.slice(2), value);
      writeField(writer, tables, 1, 'string', key);
    });
}

function writeField(writer: ProtobufWriter, tables: Tables, number: number, type: string, value: unknown): void {
  if (type.startsWith('[]')) {
    for (const element of (value as readonly unknown[]).toReversed())
      writeField(writer, tables, number, type.slice(2), element);
    return;
  }
  switch (type) {
    case 'string':
      writer.string(value as string);
      return writer.tag(number, MESSAGE_FIELD);
    case 'bool':
    case 'int64':
      writer.varint(Number(value));
      return writer.tag(number, VARINT);
    case 'double':
      writer.double(value as number);
      return writer.tag(number, FIXED_64);
    case 'Any':
      // JSON is YAML
      return delimited(writer, number, () => writeField(writer, tables, 2, 'string', JSON.stringify(value)));
    case 'Empty':
      return delimited(writer, number, () => undefined);
    default:
  }
  const choice = tables.choices[type];
  if (choice === undefined)
    return delimited(writer, number, () => writeMessage(writer, tables, type, value as Record<string, unknown>));
  const [path, chosen] = choice(value);
  writeDown(writer, tables, [number, ...path], chosen, value);
}

function writeDown(
  writer: ProtobufWriter,
  tables: Tables,
  [number, ...rest]: readonly number[],
  type: string,
  value: unknown,
): void {
  if (rest.length === 0) writeField(writer, tables, number!, type, value);
  else delimited(writer, number!, () => writeDown(writer, tables, rest, type, value));
}

function delimited(writer: ProtobufWriter, number: number, write: () => void): void {
  const before = writer.length;
  write();
  endDelimited(writer, number, before);
}

function endDelimited(writer: ProtobufWriter, number: number, before: number): void {
  writer.varint(writer.length - before);
  writer.tag(number, MESSAGE_FIELD);
}
