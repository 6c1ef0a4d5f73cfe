/** Named formats. Sources: apiserver pkg/cel/library/format.go, pkg/cel/format.go v1.36; kube-openapi pkg/validation/strfmt. */
import { isLabelValue, isQualifiedName, nameIsDNS1035Label, nameIsDNSLabel, nameIsDNSSubdomain } from '#api';
import { fn, type FunctionDecl, type Implementation, member, overload } from '../../check/declarations.ts';
import { listType, optionalType, STRING, structType, type Type } from '../../check/types.ts';
import { ArrayList } from '../../values/containers.ts';
import { type CelError, NONE, NO_OVERLOAD, Opaque, Optional, type Value } from '../../values/value.ts';
import { isDate, isDateTime } from './dates.ts';
import { requestUriError } from './url.ts';

const FORMAT = structType('kubernetes.NamedFormat');

class FormatValue extends Opaque {
  override readonly type: Type = FORMAT;
  readonly name: string;
  readonly validate: (text: string) => readonly string[];
  /** Characters of the regular expression that would do the same. */
  override readonly cost: number;
  constructor(name: string, cost: number, validate: (text: string) => readonly string[]) {
    super();
    this.name = name;
    this.cost = cost;
    this.validate = validate;
  }
  override equals(other: Value): boolean | CelError {
    return other instanceof FormatValue ? other.name === this.name : NO_OVERLOAD;
  }
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
/** `(?i)` and the two anchors belong to it upstream. */
const UUID_LENGTH = 70;
const DATE_TIME_LENGTH = 71;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/;

const matching =
  (test: (text: string) => boolean, words: string) =>
  (text: string): readonly string[] =>
    test(text) ? [] : [words];

const uri = (text: string): readonly string[] => {
  const error = requestUriError(text);
  return error === undefined ? [] : [error];
};

const FORMATS: ReadonlyMap<string, FormatValue> = new Map([
  ['dns1123Label', new FormatValue('DNS1123Label', 30, (s) => nameIsDNSLabel(s, false))],
  ['dns1123Subdomain', new FormatValue('DNS1123Subdomain', 60, (s) => nameIsDNSSubdomain(s, false))],
  ['dns1035Label', new FormatValue('DNS1035Label', 30, (s) => nameIsDNS1035Label(s, false))],
  ['qualifiedName', new FormatValue('QualifiedName', 60, isQualifiedName)],
  ['dns1123LabelPrefix', new FormatValue('DNS1123LabelPrefix', 30, (s) => nameIsDNSLabel(s, true))],
  ['dns1123SubdomainPrefix', new FormatValue('DNS1123SubdomainPrefix', 60, (s) => nameIsDNSSubdomain(s, true))],
  ['dns1035LabelPrefix', new FormatValue('DNS1035LabelPrefix', 30, (s) => nameIsDNS1035Label(s, true))],
  ['labelValue', new FormatValue('LabelValue', 40, isLabelValue)],
  ['uri', new FormatValue('URI', 1103, uri)],
  [
    'uuid',
    new FormatValue(
      'uuid',
      UUID_LENGTH,
      matching((s) => UUID.test(s), 'does not match the UUID format'),
    ),
  ],
  [
    'byte',
    new FormatValue(
      'byte',
      84,
      matching((s) => BASE64.test(s), 'invalid base64'),
    ),
  ],
  ['date', new FormatValue('date', DATE_TIME_LENGTH, matching(isDate, 'invalid date'))],
  ['datetime', new FormatValue('datetime', DATE_TIME_LENGTH, matching(isDateTime, 'invalid datetime'))],
]);

const named: Implementation = ([name]) => {
  const format = FORMATS.get(name as string);
  return format === undefined ? NONE : new Optional(format);
};

const validate: Implementation = ([format, text]) => {
  const errors = (format as FormatValue).validate(text as string);
  return errors.length === 0 ? NONE : new Optional(new ArrayList(errors));
};

export const formatLibrary: readonly FunctionDecl[] = [
  ...[...FORMATS].map(([name, format]) =>
    fn(
      `format.${name}`,
      overload(`format.${name}`, [], FORMAT, () => format),
    ),
  ),
  fn('format.named', overload('format-named', [STRING], optionalType(FORMAT), named)),
  fn('validate', member('format-validate', [FORMAT, STRING], optionalType(listType(STRING)), validate)),
];
