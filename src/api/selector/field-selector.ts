/**
 * Field selectors: `spec.nodeName=a,status.phase!=Running`, over the few fields each kind offers.
 * Source: apimachinery pkg/fields/selector.go, pkg/runtime/conversion.go (DefaultMetaV1FieldSelectorConversion) v0.36.
 */
import type { Kind, KubeObject } from '../kind.ts';
import { badRequest } from '../status.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export interface FieldSelector {
  /** In the order of the canonical text. */
  readonly requirements: readonly FieldRequirement[];
  readonly empty: boolean;
  matches(valueOf: (field: string) => string): boolean;
  toString(): string;
}

const escape = (value: string): string => value.replace(/[\\,=]/g, '\\$&');

function unescape(text: string): string {
  let value = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === ',' || char === '=') {
      throw badRequest(`invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`);
    }
    if (char !== '\\') {
      value += char;
      continue;
    }
    const escaped = text[++i];
    if (escaped !== '\\' && escaped !== ',' && escaped !== '=') {
      throw badRequest(`invalid field selector: invalid escape sequence: \\${escaped ?? ''}`);
    }
    value += escaped;
  }
  return value;
}

/** The terms between commas that no backslash escapes. */
const splitTerms = (text: string): string[] => {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
};

const TERM = /^(.*?)(!=|==|=)(.*)$/s;

/** Reads the text form; the empty text matches everything. Throws StatusError BadRequest with upstream's text. */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text).toSorted()) {
    if (term === '') continue;
    const [, field, operator, value] = TERM.exec(term) ?? [];
    if (field === undefined || value === undefined) {
      throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    requirements.push({ field, operator: operator === '!=' ? '!=' : '=', value: unescape(value) });
  }
  return fieldSelectorOf(requirements);
}

export const fieldSelectorOf = (requirements: readonly FieldRequirement[]): FieldSelector => ({
  requirements,
  empty: requirements.length === 0,
  matches: (valueOf) =>
    requirements.every(({ field, operator, value }) => (valueOf(field) === value) === (operator === '=')),
  toString: () => requirements.map(({ field, operator, value }) => `${field}${operator}${escape(value)}`).join(','),
});

/** The value a field must have for the selector to match, if there is one: `metadata.name=x` makes a list a get. */
export const requiredFieldValue = (selector: FieldSelector, field: string): string | undefined =>
  selector.requirements.find((r) => r.field === field && r.operator === '=')?.value;

/**
 * A function that says whether a subject matches: an object of the kind, or what stands for one; `valueOf` says what `read` makes of the object.
 * Throws StatusError BadRequest for a field the kind does not offer; the text depends on whether the kind has fields of its own, as upstream's does.
 */
export function matchFields<T extends KubeObject, S = T>(
  kind: Kind<T>,
  selector: FieldSelector,
  valueOf: (subject: S, field: string, read: (object: T) => string) => string,
): (subject: S) => boolean {
  const tests = selector.requirements.map(({ field, operator, value }) => {
    const read = fieldReader(kind, field);
    const equal = operator === '=';
    return (subject: S) => (valueOf(subject, field, read) === value) === equal;
  });
  return (subject) => tests.every((test) => test(subject));
}

function fieldReader<T extends KubeObject>(kind: Kind<T>, field: string): (object: T) => string {
  const own = kind.selectableFields;
  if (own !== undefined && Object.hasOwn(own, field)) return own[field]!;
  if (field === 'metadata.name') return (object) => object.metadata.name;
  if (field === 'metadata.namespace' && (kind.namespaced || own === undefined))
    return (object) => object.metadata.namespace ?? '';
  throw badRequest(
    own === undefined
      ? `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
      : `field label not supported: ${field}`,
  );
}
