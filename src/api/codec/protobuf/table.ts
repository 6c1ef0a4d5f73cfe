/** Protobuf messages as tables, made once per definition from the schema's field numbers. */
import { omittedValue } from '../decode.ts';
import { APIDISCOVERY } from './apidiscovery.ts';
import { definitionOf, type Field, type Scalar, type Special, splitType } from '../../schema.ts';

export interface ProtoField {
  readonly number: number;
  /** Name in JSON. */
  readonly key: string;
  readonly shape: 'one' | 'list' | 'map' | 'embedded';
  readonly type: Scalar | Special | 'message';
  /** Of type message: its table. */
  readonly message: () => Message;
  /** The value Go leaves out of JSON, as it sits behind no pointer; undefined when there is none. */
  readonly omitted: unknown;
}

export interface Message {
  /** Go's name of the message, for errors. */
  readonly name: string;
  readonly byNumber: readonly (ProtoField | undefined)[];
  /** From the highest number to the lowest: the order of writing backwards. */
  readonly backwards: readonly ProtoField[];
  /** How JSON writes it: as an object, as the bare list of its items, or as one of several things. */
  readonly form: 'object' | 'bare' | 'OrBool' | 'OrArray' | 'OrStringArray';
}

const tables = new Map<string, Message>();

export function messageOf(definition: string): Message {
  let table = tables.get(definition);
  if (table === undefined) {
    table = build(definition);
    tables.set(definition, table);
  }
  return table;
}

const noMessage = (): Message => {
  throw new Error('no message');
};

function newMessage(name: string, fields: readonly ProtoField[], form: Message['form']): Message {
  const byNumber: (ProtoField | undefined)[] = [];
  for (const field of fields) byNumber[field.number] = field;
  return { name, byNumber: Array.from(byNumber), backwards: fields.toSorted((a, b) => b.number - a.number), form };
}

const SCHEMA = 'apiextensions.v1.JSONSchemaProps';

/** Messages whose JSON is the value in them. Source: apiextensions v1 generated.proto v0.36. */
const EITHER: Readonly<Record<string, { form: Message['form']; fields: Record<string, Field> }>> = {
  [`${SCHEMA}OrBool`]: { form: 'OrBool', fields: { allows: { t: 'bool', n: [1] }, schema: { t: SCHEMA, n: [2] } } },
  [`${SCHEMA}OrArray`]: {
    form: 'OrArray',
    fields: { schema: { t: SCHEMA, n: [1] }, items: { t: `[]${SCHEMA}`, n: [2] } },
  },
  [`${SCHEMA}OrStringArray`]: {
    form: 'OrStringArray',
    fields: { schema: { t: SCHEMA, n: [1] }, items: { t: '[]string', n: [2] } },
  },
};

function build(definition: string): Message {
  const name = definition.slice(definition.lastIndexOf('.') + 1);
  const either = EITHER[definition];
  if (either !== undefined) return newMessage(name, fieldsAt(Object.entries(either.fields), 0), either.form);
  const { fields, bare } = APIDISCOVERY[definition] ?? definitionOf(definition);
  return newMessage(name, fieldsAt(Object.entries(fields), 0), bare === 1 ? 'bare' : 'object');
}

/** Fields whose path of numbers is longer stand in a message embedded here, whose fields JSON writes as if they were this one's. */
function fieldsAt(entries: readonly [string, Field][], level: number): ProtoField[] {
  const byNumber = Map.groupBy(entries, ([, { n }]) => n[level]!);
  return [...byNumber].map(([number, group]) => {
    const [key, field] = group[0]!;
    if (field.n.length > level + 1) {
      const inner = newMessage(key, fieldsAt(group, level + 1), 'object');
      return { number, key: '', shape: 'embedded', type: 'message', message: () => inner, omitted: undefined };
    }
    const { container, of } = splitType(field.t);
    const isMessage = of.includes('.');
    return {
      number,
      key,
      shape: container ?? 'one',
      type: isMessage ? 'message' : (of as Scalar | Special),
      message: isMessage ? () => messageOf(of) : noMessage,
      omitted: container === undefined ? omittedValue(field) : undefined,
    };
  });
}
