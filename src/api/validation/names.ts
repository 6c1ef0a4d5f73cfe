/**
 * Rules for names and other short texts. Each returns the list of what is wrong, empty when nothing is.
 * Texts: apimachinery pkg/util/validation/validation.go and pkg/api/validate/content/kube.go v0.36.
 */

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const LABEL_UNDERSCORE = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SUBDOMAIN_UNDERSCORE = `${LABEL_UNDERSCORE}(\\.${LABEL_UNDERSCORE})*`;
const LABEL_KEY = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${LABEL_KEY})?`;
const CONFIG_KEY = '[-._a-zA-Z0-9]+';
const HTTP_HEADER = '[-A-Za-z0-9]+';
const PERCENT = '[0-9]+%';
const WILDCARD_SUBDOMAIN = `\\*\\.${SUBDOMAIN}`;
const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";

const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`);
const labelRegexp = whole(LABEL);
const subdomainRegexp = whole(SUBDOMAIN);
const label1035Regexp = whole(LABEL_1035);
const subdomainUnderscoreRegexp = whole(SUBDOMAIN_UNDERSCORE);
const labelKeyRegexp = whole(LABEL_KEY);
const labelValueRegexp = whole(LABEL_VALUE);
const configKeyRegexp = whole(CONFIG_KEY);
const httpHeaderRegexp = whole(HTTP_HEADER);
const percentRegexp = whole(PERCENT);
const wildcardSubdomainRegexp = whole(WILDCARD_SUBDOMAIN);
const httpPathRegexp = whole(HTTP_PATH);
const printableAsciiRegexp = /^[ -~]*$/;

const LABEL_MAX = 63;
const SUBDOMAIN_MAX = 253;

/** Lengths are bytes, as Go counts them. */
export const byteLength = (text: string): number => Buffer.byteLength(text);

/** Upstream has both words: older rules count characters, those of labels and their keys bytes. Both mean bytes. */
const maxLenError = (length: number, unit = 'characters'): string => `must be no more than ${length} ${unit}`;
export const inclusiveRangeError = (low: number, high: number): string =>
  `must be between ${low} and ${high}, inclusive`;

function regexError(message: string, pattern: string, ...examples: readonly string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`;
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

/** What a rule makes of a text: upper bound and pattern, each with its own message. */
const check = (value: string, max: number, regexp: RegExp, otherwise: () => string, unit?: string): string[] => [
  ...(byteLength(value) > max ? [maxLenError(max, unit)] : []),
  ...(regexp.test(value) ? [] : [otherwise()]),
];

export const isDNS1123Label = (value: string): string[] =>
  check(value, LABEL_MAX, labelRegexp, () =>
    subdomainRegexp.test(value)
      ? 'must not contain dots'
      : regexError(
          "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
          LABEL,
          'my-name',
          '123-abc',
        ),
  );

export const isDNS1123Subdomain = (value: string): string[] =>
  check(value, SUBDOMAIN_MAX, subdomainRegexp, () =>
    regexError(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      SUBDOMAIN,
      'example.com',
    ),
  );

export const isDNS1123SubdomainWithUnderscore = (value: string): string[] =>
  check(value, SUBDOMAIN_MAX, subdomainUnderscoreRegexp, () =>
    regexError(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
      SUBDOMAIN_UNDERSCORE,
      'example.com',
    ),
  );

export const isDNS1035Label = (value: string): string[] =>
  check(value, LABEL_MAX, label1035Regexp, () =>
    regexError(
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
      LABEL_1035,
      'my-name',
      'abc-123',
    ),
  );

/** Keys of labels, annotations, taints, conditions: an optional DNS prefix, a slash, a name of up to 63 characters. */
export function isQualifiedName(value: string): string[] {
  const rule = (subject: string): string =>
    regexError(
      `${subject} must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
      LABEL_KEY,
      'MyName',
      'my.name',
      '123-abc',
    );
  const parts = value.split('/');
  if (parts.length > 2) {
    return [`${rule('a valid label key')} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const errors: string[] = [];
  const name = parts[parts.length - 1]!;
  if (parts.length === 2) {
    const prefix = parts[0]!;
    if (prefix === '') errors.push('prefix part must be non-empty');
    else errors.push(...isDNS1123Subdomain(prefix).map((message) => `prefix part ${message}`));
  }
  if (name === '') errors.push('name part must be non-empty');
  else if (byteLength(name) > LABEL_MAX) errors.push(`name part ${maxLenError(LABEL_MAX, 'bytes')}`);
  if (!labelKeyRegexp.test(name)) errors.push(rule('name part'));
  return errors;
}

export const isLabelValue = (value: string): string[] =>
  check(
    value,
    LABEL_MAX,
    labelValueRegexp,
    () =>
      regexError(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        LABEL_VALUE,
        'MyValue',
        'my_value',
        '12345',
      ),
    'bytes',
  );

/** Keys of ConfigMap and Secret data, which become file names. */
export function isConfigMapKey(value: string): string[] {
  const errors = check(value, SUBDOMAIN_MAX, configKeyRegexp, () =>
    regexError(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
      CONFIG_KEY,
      'key.name',
      'KEY_NAME',
      'key-name',
    ),
  );
  if (value === '.') errors.push(`must not be '.'`);
  else if (value === '..') errors.push(`must not be '..'`);
  else if (value.startsWith('..')) errors.push(`must not start with '..'`);
  return errors;
}

/** Since v1.34 any printable ASCII but '='. */
export function isEnvVarName(value: string): string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  return printableAsciiRegexp.test(value) && !value.includes('=')
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

export const isHTTPHeaderName = (value: string): string[] =>
  httpHeaderRegexp.test(value)
    ? []
    : [regexError("a valid HTTP header must consist of alphanumeric characters or '-'", HTTP_HEADER, 'X-Header-Name')];

export const isPercent = (value: string): string[] =>
  percentRegexp.test(value)
    ? []
    : [regexError("a valid percent string must be a numeric string followed by an ending '%'", PERCENT, '1%', '93%')];

/** IANA service names: what `targetPort` and container ports may be called. */
export function isPortName(port: string): string[] {
  const errors: string[] = [];
  if (byteLength(port) > 15) errors.push(maxLenError(15));
  if (!/^[-a-z0-9]+$/.test(port)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(port)) errors.push('must contain at least one letter (a-z)');
  if (port.includes('--')) errors.push('must not contain consecutive hyphens');
  if (port.startsWith('-') || port.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

export const isPortNumber = (port: number): string[] =>
  Number.isInteger(port) && port >= 1 && port <= 65_535 ? [] : [inclusiveRangeError(1, 65_535)];

const MAX_INT32 = 2_147_483_647;

/** User and group ids of Linux as Kubernetes takes them. */
export const isUnixID = (id: number): string[] =>
  id >= 0 && id <= MAX_INT32 ? [] : [inclusiveRangeError(0, MAX_INT32)];

/** `*.example.com`. */
export const isWildcardDNS1123Subdomain = (value: string): string[] =>
  check(value, SUBDOMAIN_MAX, wildcardSubdomainRegexp, () =>
    regexError(
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
      WILDCARD_SUBDOMAIN,
      '*.example.com',
    ),
  );

/** What can stand between two slashes of a URL. Source: apimachinery pkg/api/validation/path v0.36. */
export const isPathSegmentName = (value: string): string[] =>
  value === '.' || value === '..'
    ? [`may not be '${value}'`]
    : ['/', '%'].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);

/** Path behind the domain of `acme.io/foo`. */
export const isHTTPPath = (value: string): string[] =>
  httpPathRegexp.test(value) ? [] : [regexError('Invalid path', HTTP_PATH)];

/** How a kind checks `metadata.name`, or with `prefix` `metadata.generateName`, which may end in a dash. */
export type NameRule = (name: string, prefix: boolean) => string[];

// Source: maskTrailingDash in apimachinery pkg/api/validation/generic.go v0.36: the last two characters give way to an 'a'.
const masked = (name: string, prefix: boolean): string =>
  prefix && name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;

export const nameIsDNSSubdomain: NameRule = (name, prefix) => isDNS1123Subdomain(masked(name, prefix));
export const nameIsDNSLabel: NameRule = (name, prefix) => isDNS1123Label(masked(name, prefix));
export const nameIsDNS1035Label: NameRule = (name, prefix) => isDNS1035Label(masked(name, prefix));
/** Names that only have to fit into a URL: those of RBAC, flow schemas and the like. */
export const nameIsPathSegment: NameRule = (name) => isPathSegmentName(name);
