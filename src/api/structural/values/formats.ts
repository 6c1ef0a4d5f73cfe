/**
 * Formats of strings. Source: kube-openapi pkg/validation/strfmt (2026-03), its third_party/govalidator, and Go's net, net/url and time; those
 * that count in schemas: apiextensions-apiserver pkg/apiserver/validation/formats.go v0.36. None takes more than linear time.
 */
import { isIPv6 } from 'node:net';
import { byteLength } from '../../validation/names.ts';
import { parseDuration } from '../../time.ts';
import type { StructuralSchema } from '../schema.ts';
import { isEmail } from './email.ts';
import { isRequestURI } from './uri.ts';

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const UUID3 = /^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const UUID4 = /^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i;
const UUID5 = /^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i;
const HOSTNAME =
  /^(?:[a-zA-Z0-9\p{S}\p{L}](?:-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?|(?:[a-zA-Z0-9\p{S}\p{L}](?:[a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?\.)+[a-zA-Z\p{L}]{2,63})$/u;
const CREDIT_CARD =
  /^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$/;
const RGB_PART = '[\\t\\n\\f\\r ]*(?:0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])[\\t\\n\\f\\r ]*';
const RGB = new RegExp(`^rgb\\(${RGB_PART},${RGB_PART},${RGB_PART}\\)$`);
const MAC =
  /^(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}(?:[0-9a-f]{2}|(?:[0-9a-f]{2}\1){2}[0-9a-f]{2}|(?:[0-9a-f]{2}\1){14}[0-9a-f]{2})|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?:\.[0-9a-f]{4}|(?:\.[0-9a-f]{4}){7})?)$/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const TIME = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})$/;
const SHORT_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const MAX_HOSTNAME = 255;
const MAX_LABEL = 63;
const MAX_LONG_NAME = 253;

const CHECKS: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['bsonobjectid', (text) => /^[0-9a-fA-F]{24}$/.test(text)],
  ['uri', isRequestURI],
  ['email', isEmail],
  ['hostname', isHostname],
  ['ipv4', (text) => isSloppyIP(text) && text.includes('.')],
  ['ipv6', (text) => isIPv6(text) && !text.includes('%')],
  ['cidr', isSloppyCIDR],
  ['mac', (text) => MAC.test(text)],
  ['uuid', (text) => UUID.test(text)],
  ['uuid3', (text) => UUID3.test(text)],
  ['uuid4', (text) => UUID4.test(text)],
  ['uuid5', (text) => UUID5.test(text)],
  ['isbn', (text) => isISBN10(text) || isISBN13(text)],
  ['isbn10', isISBN10],
  ['isbn13', isISBN13],
  ['creditcard', isCreditCard],
  ['ssn', (text) => text.length === 11 && /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text)],
  ['hexcolor', (text) => /^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/.test(text)],
  ['rgbcolor', (text) => RGB.test(text)],
  ['byte', (text) => text.length % 4 === 0 && BASE64.test(text)],
  ['password', () => true],
  ['date', isDate],
  ['duration', isDuration],
  ['datetime', isDateTime],
  ['k8sshortname', (text) => text.length <= MAX_LABEL && SHORT_NAME.test(text)],
  ['k8slongname', (text) => text.length <= MAX_LONG_NAME && text.split('.').every((part) => SHORT_NAME.test(part))],
]);

/** Dashes in names of formats mean nothing. */
const normalized = (format: string): string => format.replaceAll('-', '');

/** The format of a schema, unless it is one nobody knows for values of its type. Source: StripUnsupportedFormatsPostProcessorForVersion. */
export function knownFormat({
  format,
  type,
  intOrString,
}: Pick<StructuralSchema, 'format' | 'type' | 'intOrString'>): string {
  if (format === '') return '';
  const only = intOrString ? '' : type;
  const isKnown =
    only === '' || only === 'string'
      ? CHECKS.has(normalized(format))
      : only === 'integer'
        ? format === 'int32' || format === 'int64'
        : only === 'number' && (format === 'float' || format === 'double');
  return isKnown ? format : '';
}

/** The check of a string's format; undefined for formats of other things. */
export const formatCheck = (format: string): ((text: string) => boolean) | undefined => CHECKS.get(normalized(format));

function isHostname(text: string): boolean {
  if (byteLength(text) > MAX_HOSTNAME || !HOSTNAME.test(text)) return false;
  return text.split('.').every((label) => byteLength(label) <= MAX_LABEL);
}

/** As Go read addresses before 1.17: decimal numbers may begin with zeros. */
function isSloppyIP(text: string): boolean {
  if (text.includes(':')) return isIPv6(unpadded(text)) && !text.includes('%');
  return isSloppyIPv4(text);
}

function isSloppyIPv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^0*\d{1,3}$/.test(part) && Number(part) <= 255);
}

/** An IPv6 address may end in an IPv4 one. */
function unpadded(text: string): string {
  const at = text.lastIndexOf(':') + 1;
  const last = text.slice(at);
  return isSloppyIPv4(last) ? text.slice(0, at) + last.split('.').map(Number).join('.') : text;
}

function isSloppyCIDR(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return false;
  const [ip, prefix] = [text.slice(0, slash), text.slice(slash + 1)];
  return isSloppyIP(ip) && /^0*\d{1,3}$/.test(prefix) && Number(prefix) <= (ip.includes(':') ? 128 : 32);
}

const withoutSeparators = (text: string): string => text.replaceAll(/[\t\n\f\r -]+/g, '');

function isISBN10(text: string): boolean {
  const digits = withoutSeparators(text);
  if (!/^(?:[0-9]{9}X|[0-9]{10})$/.test(digits)) return false;
  const sum = Array.from(digits).reduce((total, digit, i) => total + (i + 1) * (digit === 'X' ? 10 : Number(digit)), 0);
  return sum % 11 === 0;
}

function isISBN13(text: string): boolean {
  const digits = withoutSeparators(text);
  if (!/^[0-9]{13}$/.test(digits)) return false;
  return Array.from(digits).reduce((total, digit, i) => total + Number(digit) * (i % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

function isCreditCard(text: string): boolean {
  const digits = text.replaceAll(/[^0-9]+/g, '');
  if (!CREDIT_CARD.test(digits)) return false;
  const sum = Array.from(digits)
    .toReversed()
    .reduce((total, digit, i) => {
      const value = Number(digit) * (i % 2 === 0 ? 1 : 2);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
  return sum % 10 === 0;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeap ? 29 : MONTH_DAYS[month - 1];
  return days !== undefined && day >= 1 && day <= days;
}

function isDateTime(text: string): boolean {
  if (byteLength(text) < 4) return false;
  const [date = '', time] = text.toLowerCase().split('t');
  if (time === undefined || !isDate(date)) return false;
  const match = TIME.exec(time);
  return match !== null && match[1]! <= '23' && match[2]! <= '59' && match[3]! <= '59';
}

/** Units by all their names, and the beginning of the last of them, which may go on: `sec`, `seconds`. */
const UNITS = /^(?:ns|us|µs|ms|s|m|h|hr|d|w|wk|(?:nano|micro|milli|sec|min|hour|day|week).*)$/;
const MAX_FACTOR = 2n ** 63n - 1n;
const MAX_DIGITS = 19;

/** Go's durations, and Scala's: `3 days and 2 hours`, of which at least one has to make sense. */
function isDuration(text: string): boolean {
  try {
    parseDuration(text);
    return true;
  } catch {
    return isScalaDuration(text);
  }
}

function isScalaDuration(text: string): boolean {
  let isOne = false;
  // A number never begins within another: each run of digits is looked at once.
  for (const { 0: digits, index } of text.matchAll(/\d+/g)) {
    const rest = /^[\t\n\f\r ]*([A-Za-zµ]+)/.exec(text.slice(index + digits.length, index + digits.length + MAX_UNIT));
    if (rest === null) continue;
    const significant = digits.replace(/^0+/, '');
    if (significant.length > MAX_DIGITS || BigInt(`0${significant}`) > MAX_FACTOR) return false;
    if (UNITS.test(rest[1]!.toLowerCase())) isOne = true;
  }
  return isOne;
}

/** Space and unit behind a number; nobody writes more. */
const MAX_UNIT = 256;
