/** Syntax of label keys and values. Source: apimachinery pkg/api/validate/content/kube.go and pkg/util/validation v0.36. */

const NAME = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const VALUE = /^(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const NAME_MAX = 63;
const SUBDOMAIN_MAX = 253;

const NAME_WRONG =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_WRONG =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const SUBDOMAIN_WRONG =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const tooLong = (max: number): string => `must be no more than ${max} bytes`;

const bytes = (text: string): number => Buffer.byteLength(text);

/** What is wrong with a label key (`name` or `prefix/name`): messages, none when it is right. Also the syntax of other qualified names. */
export function labelKeyErrors(key: string): string[] {
  const parts = key.split('/');
  if (parts.length > 2) {
    return [
      `a valid label key ${NAME_WRONG} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const errors: string[] = [];
  const name = parts.at(-1) ?? '';
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') errors.push('prefix part must be non-empty');
    else {
      if (bytes(prefix) > SUBDOMAIN_MAX) errors.push(`prefix part ${tooLong(SUBDOMAIN_MAX)}`);
      if (!SUBDOMAIN.test(prefix)) errors.push(`prefix part ${SUBDOMAIN_WRONG}`);
    }
  }
  if (name === '') errors.push('name part must be non-empty');
  else if (bytes(name) > NAME_MAX) errors.push(`name part ${tooLong(NAME_MAX)}`);
  if (!NAME.test(name)) errors.push(`name part ${NAME_WRONG}`);
  return errors;
}

/** What is wrong with a label value: messages, none when it is right. */
export function labelValueErrors(value: string): string[] {
  const errors: string[] = [];
  if (bytes(value) > NAME_MAX) errors.push(tooLong(NAME_MAX));
  if (!VALUE.test(value)) errors.push(VALUE_WRONG);
  return errors;
}
