/** Messages as tables of fields, each with its number and the way it is written: a codec is made of the table once, when the program loads. */
import { BYTES, Reader, VARINT, WireError, Writer } from './wire.ts';

/** Nested deeper than any message of etcd's is. */
const MAX_DEPTH = 32;

/** How one field is read and written. */
interface Field<T> {
  readonly number: number;
  readonly wireType: number;
  /** What the field is when the message does not have it. */
  readonly absent: () => T;
  read(reader: Reader, before: T, wireType: number, depth: number): T;
  /** Writes the field with its tag, backwards; nothing for a value that is its default. */
  write(writer: Writer, value: T): void;
}

type Table = Readonly<Record<string, Field<unknown>>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;
/** A message as it is read: every field is there, but nested messages that are absent. */
export type MessageOf<C> = C extends Codec<infer T> ? T : never;
/** A message as it is written: what has its default may be left out. */
export type Draft<T> = T extends string | number | boolean | Uint8Array | undefined
  ? T
  : T extends readonly (infer U)[]
    ? readonly Draft<U>[]
    : { readonly [K in keyof T]?: Draft<T[K]> | undefined };

export interface Codec<T> {
  /** Fields left out have their default. `bytes`: about how long it gets, for messages that are large. */
  encode(message: Draft<T>, bytes?: number): Buffer;
  /** Throws {@link WireError}. Byte fields are views of `bytes`. */
  decode(bytes: Buffer): T;
  readonly fields: Table;
}

export function message<F extends Table>(table: F): Codec<{ -readonly [K in keyof F]: ValueOf<F[K]> }> {
  type T = { -readonly [K in keyof F]: ValueOf<F[K]> };
  return {
    fields: table,
    encode(value, bytes) {
      const writer = new Writer(bytes);
      writeFields(writer, table, value);
      return writer.finish();
    },
    decode: (bytes) => readFields(new Reader(bytes), table, 0) as T,
  };
}

function writeFields(writer: Writer, table: Table, value: object): void {
  const names = namesOf(table);
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i]!;
    const own = (value as Record<string, unknown>)[name];
    if (own !== undefined) table[name]!.write(writer, own);
  }
}

function readFields(reader: Reader, table: Table, depth: number): object {
  if (depth > MAX_DEPTH) throw new WireError('messages are nested too deeply');
  const byNumber = numbersOf(table);
  const value: Record<string, unknown> = {};
  for (const name of namesOf(table)) value[name] = table[name]!.absent();
  while (!reader.done) {
    const tag = reader.varint();
    const wireType = tag & 7;
    const name = byNumber.get(Math.floor(tag / 8));
    if (name === undefined) reader.skip(wireType);
    else value[name] = table[name]!.read(reader, value[name], wireType, depth);
  }
  return value;
}

const names = new WeakMap<Table, readonly string[]>();
const numbers = new WeakMap<Table, ReadonlyMap<number, string>>();

function namesOf(table: Table): readonly string[] {
  const known = names.get(table);
  if (known !== undefined) return known;
  const made = Object.keys(table);
  names.set(table, made);
  return made;
}

function numbersOf(table: Table): ReadonlyMap<number, string> {
  const known = numbers.get(table);
  if (known !== undefined) return known;
  const made = new Map(Object.entries(table).map(([name, field]) => [field.number, name]));
  numbers.set(table, made);
  return made;
}

function expectType(wireType: number, expected: number): void {
  if (wireType !== expected) throw new WireError(`wire type ${wireType} where ${expected} should be`);
}

function scalar<T>(
  number: number,
  wireType: number,
  initial: T,
  {
    read,
    write,
    isDefault,
  }: { read(reader: Reader): T; write(writer: Writer, value: T): void; isDefault(value: T): boolean },
): Field<T> {
  return {
    number,
    wireType,
    absent: () => initial,
    read(reader, _before, type) {
      expectType(type, wireType);
      return read(reader);
    },
    write(writer, value) {
      if (isDefault(value)) return;
      write(writer, value);
      writer.tag(number, wireType);
    },
  };
}

/** int64, int32, uint32, uint64 and enums. */
export const int = (number: number): Field<number> =>
  scalar(number, VARINT, 0, {
    read: (reader) => reader.int64(),
    write: (writer, value) => writer.varint(value),
    isDefault: (value) => value === 0,
  });

export const bool = (number: number): Field<boolean> =>
  scalar(number, VARINT, false, {
    read: (reader) => reader.varint() !== 0,
    write: (writer) => writer.varint(1),
    isDefault: (value) => !value,
  });

/** Bytes as latin1 text: keys. */
export const key = (number: number): Field<string> => textField(number, 'latin1');
export const text = (number: number): Field<string> => textField(number, 'utf8');

const textField = (number: number, encoding: 'latin1' | 'utf8'): Field<string> =>
  scalar(number, BYTES, '', {
    read: (reader) => reader.text(encoding),
    write(writer, value) {
      const before = writer.length;
      writer.text(value, encoding);
      writer.varint(writer.length - before);
    },
    isDefault: (value) => value === '',
  });

const NO_BYTES = Buffer.alloc(0);

export const bytes = (number: number): Field<Buffer> =>
  scalar(number, BYTES, NO_BYTES, {
    read: (reader) => reader.bytes(),
    write(writer, value) {
      writer.bytes(value);
      writer.varint(value.length);
    },
    isDefault: (value) => value.length === 0,
  });

/** A message that may be absent. `codec` is a function where messages nest in themselves. */
export function nested<T>(number: number, codec: () => Codec<T>): Field<T | undefined> {
  return {
    number,
    wireType: BYTES,
    absent: () => undefined,
    read(reader, _before, type, depth) {
      expectType(type, BYTES);
      return readFields(reader.nested(), codec().fields, depth + 1) as T;
    },
    write(writer, value) {
      if (value === undefined) return;
      const before = writer.length;
      writeFields(writer, codec().fields, value as object);
      writer.varint(writer.length - before);
      writer.tag(number, BYTES);
    },
  };
}

export function repeated<T>(number: number, codec: () => Codec<T>): Field<readonly T[]> {
  const one = nested(number, codec);
  return {
    number,
    wireType: BYTES,
    absent: () => [],
    read(reader, before, type, depth) {
      (before as T[]).push(one.read(reader, undefined, type, depth)!);
      return before;
    },
    write(writer, values) {
      for (let i = values.length - 1; i >= 0; i--) one.write(writer, values[i]);
    },
  };
}

/** Texts or keys, each a field of its own, be it empty. */
export function repeatedText(number: number, encoding: 'latin1' | 'utf8'): Field<readonly string[]> {
  return {
    number,
    wireType: BYTES,
    absent: () => [],
    read(reader, before, type) {
      expectType(type, BYTES);
      (before as string[]).push(reader.text(encoding));
      return before;
    },
    write(writer, values) {
      for (let i = values.length - 1; i >= 0; i--) {
        const before = writer.length;
        writer.text(values[i]!, encoding);
        writer.varint(writer.length - before);
        writer.tag(number, BYTES);
      }
    },
  };
}

/** Numbers in one run of bytes; read in the old form, a field each, as well. */
export function repeatedInt(number: number): Field<readonly number[]> {
  return {
    number,
    wireType: BYTES,
    absent: () => [],
    read(reader, before, type) {
      const list = before as number[];
      if (type === VARINT) list.push(reader.int64());
      else {
        expectType(type, BYTES);
        for (const run = reader.nested(); !run.done;) list.push(run.int64());
      }
      return before;
    },
    write(writer, values) {
      if (values.length === 0) return;
      const before = writer.length;
      for (let i = values.length - 1; i >= 0; i--) writer.varint(values[i]!);
      writer.varint(writer.length - before);
      writer.tag(number, BYTES);
    },
  };
}
