/**
 * Protocol Buffers (proto3) as far as containerd's interfaces need them: reads a `.proto` file and turns messages into bytes and
 * back by its tables. A general library takes 13 MB of memory for the same, in every node's agent.
 *
 * Field names are the wire's. 64-bit integers are decimal text, enum values their names, bytes Buffers; what a message lacks has
 * its default, but an absent message is an absent property. Fields the tables do not know are skipped.
 */
import { decodeMessage, encodeMessage } from './wire.ts';

export type Scalar = 'string' | 'bytes' | 'bool' | 'int32' | 'uint32' | 'int64' | 'uint64';

export interface MessageType {
  readonly name: string;
  /** In the order of the file. */
  readonly fields: readonly Field[];
  readonly byNumber: ReadonlyMap<number, Field>;
}

export interface EnumType {
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'enum'; readonly type: EnumType }
  | { readonly kind: 'message'; readonly type: MessageType }
  /** map<string, string> */
  | { readonly kind: 'map' };

export interface Field {
  readonly name: string;
  readonly number: number;
  readonly repeated: boolean;
  readonly type: FieldType;
}

export interface Codec {
  encode(message: object): Buffer;
  decode(bytes: Buffer): object;
}

export interface Rpc {
  readonly name: string;
  readonly request: Codec;
  readonly response: Codec;
}

export interface Proto {
  readonly messages: ReadonlyMap<string, MessageType>;
  /** Methods by the service's full name. */
  readonly services: ReadonlyMap<string, readonly Rpc[]>;
  /** By the message's name, without the package. */
  message(name: string): Codec;
}

const SCALARS: readonly string[] = ['string', 'bytes', 'bool', 'int32', 'uint32', 'int64', 'uint64'] satisfies Scalar[];
/** A comment, a word (names with dots, numbers, quoted text) or a sign. */
const TOKEN = /\/\/[^\n]*|[\w.]+|"[^"]*"|[{}()<>;,=]/g;

interface MutableMessage {
  name: string;
  fields: Field[];
  byNumber: Map<number, Field>;
}

interface PendingField {
  message: MutableMessage;
  name: string;
  number: number;
  repeated: boolean;
  typeName: string;
}

/**
 * Reads the text of a `.proto` file: package, messages with nested enums, enums, services. Names of types are looked up without
 * their package, so they must be unique in the file. Throws on anything else, as the files are our own.
 */
export function parseProto(text: string): Proto {
  return new Parser(text).parse();
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;
  #package = '';
  readonly #messages = new Map<string, MutableMessage>();
  readonly #enums = new Map<string, EnumType>();
  readonly #pending: PendingField[] = [];
  readonly #services = new Map<string, { name: string; request: string; response: string }[]>();

  constructor(text: string) {
    this.#tokens = (text.match(TOKEN) ?? []).filter((token) => !token.startsWith('//'));
  }

  parse(): Proto {
    while (this.#at < this.#tokens.length) this.#topLevel();
    for (const { message, typeName, ...rest } of this.#pending) {
      const field: Field = { ...rest, type: this.#resolve(typeName) };
      message.fields.push(field);
      message.byNumber.set(field.number, field);
    }
    const message = (name: string): Codec => this.#codec(name);
    const services = new Map(
      [...this.#services].map(([service, rpcs]) => [
        `${this.#package}.${service}`,
        rpcs.map(({ name, request, response }) => ({ name, request: message(request), response: message(response) })),
      ]),
    );
    return { messages: this.#messages, services, message };
  }

  #topLevel(): void {
    const word = this.#next();
    switch (word) {
      case 'syntax':
        this.#expect('=');
        this.#expect('"proto3"');
        return this.#expect(';');
      case 'package':
        this.#package = this.#next();
        return this.#expect(';');
      case 'message':
        return this.#message();
      case 'enum':
        return this.#enum();
      case 'service':
        return this.#service();
      default:
        throw new SyntaxError(`unexpected ${word} in a .proto file`);
    }
  }

  #message(): void {
    const message: MutableMessage = { name: this.#next(), fields: [], byNumber: new Map() };
    this.#messages.set(message.name, message);
    this.#expect('{');
    for (let word = this.#next(); word !== '}'; word = this.#next()) {
      if (word === 'enum') {
        this.#enum();
        continue;
      }
      const repeated = word === 'repeated';
      const typeName = repeated ? this.#next() : word;
      if (typeName === 'map') for (const token of ['<', 'string', ',', 'string', '>']) this.#expect(token);
      const name = this.#next();
      this.#expect('=');
      const number = Number(this.#next());
      this.#expect(';');
      this.#pending.push({ message, name, number, repeated, typeName });
    }
  }

  #enum(): void {
    const name = this.#next();
    const numbers = new Map<string, number>();
    this.#expect('{');
    for (let value = this.#next(); value !== '}'; value = this.#next()) {
      this.#expect('=');
      numbers.set(value, Number(this.#next()));
      this.#expect(';');
    }
    this.#enums.set(name, { numbers, names: new Map([...numbers].map(([value, number]) => [number, value])) });
  }

  #service(): void {
    const rpcs: { name: string; request: string; response: string }[] = [];
    this.#services.set(this.#next(), rpcs);
    this.#expect('{');
    for (let word = this.#next(); word !== '}'; word = this.#next()) {
      if (word !== 'rpc') throw new SyntaxError(`unexpected ${word} in a service`);
      const name = this.#next();
      this.#expect('(');
      const request = this.#next();
      for (const token of [')', 'returns', '(']) this.#expect(token);
      const first = this.#next();
      const response = first === 'stream' ? this.#next() : first;
      this.#expect(')');
      this.#expect(';');
      rpcs.push({ name, request, response });
    }
  }

  #resolve(name: string): FieldType {
    if (name === 'map') return { kind: 'map' };
    if (isScalar(name)) return { kind: 'scalar', scalar: name };
    const enumType = this.#enums.get(name);
    if (enumType !== undefined) return { kind: 'enum', type: enumType };
    const type = this.#messages.get(name);
    if (type === undefined) throw new SyntaxError(`no type ${name} in the .proto file`);
    return { kind: 'message', type };
  }

  #codec(name: string): Codec {
    const type = this.#messages.get(name);
    if (type === undefined) throw new SyntaxError(`no message ${name} in the .proto file`);
    return { encode: (message) => encodeMessage(type, message), decode: (bytes) => decodeMessage(type, bytes) };
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new SyntaxError('the .proto file ends too early');
    return token;
  }

  #expect(token: string): void {
    const found = this.#next();
    if (found !== token) throw new SyntaxError(`expected ${token} in a .proto file, found ${found}`);
  }
}

function isScalar(name: string): name is Scalar {
  return SCALARS.includes(name);
}
