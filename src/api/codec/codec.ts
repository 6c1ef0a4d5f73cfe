/** Objects as bytes: JSON, YAML and protobuf bodies in, JSON and protobuf out; all driven by the schema. */
export { DecodeError } from './decode.ts';
export { decodeJson, encodeJson, parseJson, readJson, stringifyObject } from './json.ts';
export { decodeYaml, decodeYamlText } from './yaml.ts';
export { parseYaml, parseYamlDocuments, readJsonText, YamlError, yamlSchema, type YamlText } from './yaml-text.ts';
export { YamlThread } from './yaml-thread.ts';
export { type BodyTarget, type Decoded, decodeObject, type DecodeOptions, type FieldValidation } from './target.ts';
export { decodeProtobuf, encodeProtobuf, isProtobuf, typeMetaOfProtobuf } from './protobuf/protobuf.ts';
export { Writer as ProtobufWriter } from './protobuf/wire.ts';
