/** URLs as Go's net/url reads them. Sources: apiserver pkg/cel/library/urls.go, pkg/cel/url.go v1.36; Go net/url. */
import { fn, type FunctionDecl, type Implementation, member, overload } from '../../check/declarations.ts';
import { BOOL, listType, mapType, STRING, structType, type Type } from '../../check/types.ts';
import { ArrayList, EntryMap } from '../../values/containers.ts';
import { CelError, NO_OVERLOAD, Opaque, type Value } from '../../values/value.ts';

const URL_TYPE = structType('kubernetes.URL');

interface Parsed {
  readonly scheme: string;
  /** Everything behind a scheme that no slash follows. */
  readonly opaque: string;
  readonly user: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

class UrlValue extends Opaque {
  override readonly type: Type = URL_TYPE;
  readonly parsed: Parsed;
  constructor(parsed: Parsed) {
    super();
    this.parsed = parsed;
  }
  override equals(other: Value): boolean | CelError {
    return other instanceof UrlValue ? this.toString() === other.toString() : NO_OVERLOAD;
  }
  override toString(): string {
    const { scheme, opaque, user, host, query, fragment } = this.parsed;
    const authority = host === '' && user === '' ? '' : `//${user === '' ? '' : `${user}@`}${host}`;
    const start = scheme === '' ? '' : `${scheme}:`;
    const end = `${query === '' ? '' : `?${query}`}${fragment === '' ? '' : `#${fragment}`}`;
    return `${start}${opaque === '' ? authority + escapedPath(this.parsed) : opaque}${end}`;
  }
}

const quoted = (text: string): string => JSON.stringify(text);

/** What is wrong with a text as URL, for this file only. */
class UrlError extends Error {
  override readonly name = 'UrlError';
}

/** The error of Go for what is no URL; undefined: it is one. Source: net/url ParseRequestURI. */
export function requestUriError(text: string): string | undefined {
  try {
    parse(text, '', true);
    return undefined;
  } catch (error) {
    if (error instanceof UrlError) return `parse ${quoted(text)}: ${error.message}`;
    throw error;
  }
}

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

function parse(text: string, fragment: string, viaRequest: boolean): Parsed {
  if (CONTROL.test(text)) throw new UrlError('net/url: invalid control character in URL');
  if (text === '' && viaRequest) throw new UrlError('empty url');
  if (text.startsWith(':')) throw new UrlError('missing protocol scheme');
  const none = { scheme: '', opaque: '', user: '', host: '', query: '', fragment };
  if (text === '*') return { ...none, path: '*' };
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase() ?? '';
  let rest = scheme === '' ? text : text.slice(scheme.length + 1);
  const mark = rest.indexOf('?');
  const query = mark < 0 ? '' : rest.slice(mark + 1);
  if (mark >= 0) rest = rest.slice(0, mark);
  if (!rest.startsWith('/')) {
    if (scheme !== '') return { ...none, scheme, opaque: rest, path: '', query };
    if (viaRequest) throw new UrlError('invalid URI for request');
    if (rest.split('/', 1)[0]!.includes(':')) throw new UrlError('first path segment in URL cannot contain colon');
  }
  if (!rest.startsWith('//') || (scheme === '' && (viaRequest || rest.startsWith('///')))) {
    checkEscapes(rest);
    return { ...none, scheme, path: rest, query };
  }
  const slash = rest.indexOf('/', 2);
  const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
  const path = slash < 0 ? '' : rest.slice(slash);
  const at = authority.lastIndexOf('@');
  const user = at < 0 ? '' : authority.slice(0, at);
  const host = parseHost(authority.slice(at + 1));
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) throw new UrlError('net/url: invalid userinfo');
  checkEscapes(user);
  checkEscapes(path);
  return { ...none, scheme, user, host, path, query };
}

function checkEscapes(text: string): void {
  const wrong = /%(?![0-9a-fA-F]{2})[^]{0,2}/.exec(text)?.[0];
  if (wrong !== undefined) throw new UrlError(`invalid URL escape ${quoted(wrong)}`);
}

function parseHost(host: string): string {
  let port = /:[^:]*$/.exec(host)?.[0] ?? '';
  if (host.startsWith('[')) {
    const close = host.lastIndexOf(']');
    if (close < 0) throw new UrlError("missing ']' in host");
    port = host.slice(close + 1);
  }
  if (!/^(:[0-9]*)?$/.test(port)) throw new UrlError(`invalid port ${quoted(port)} after host`);
  checkEscapes(host);
  const wrong = /[ "<>\\^`{|}]/.exec(host)?.[0];
  if (wrong !== undefined) throw new UrlError(`invalid character ${quoted(wrong)} in host name`);
  return host;
}

/** Percent-encoded as it was, if that was right. */
function escapedPath({ path }: Parsed): string {
  if (/^[A-Za-z0-9\-._~!$&'()*+,;=:@[\]/%]*$/.test(path)) return path;
  const escape = (c: string): string => [...Buffer.from(c)].map((b) => `%${b.toString(16).toUpperCase()}`).join('');
  const plain = unescape(path, false) ?? path;
  return plain.replace(/[^A-Za-z0-9\-._~$&+,/:;=@]/gu, escape);
}

function unescape(text: string, plusIsSpace: boolean): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  const spaced = plusIsSpace ? text.replaceAll('+', ' ') : text;
  return spaced.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString());
}

const hostname = ({ host }: Parsed): string => {
  const bracketed = /^\[([^\]]*)\]/.exec(host)?.[1];
  return bracketed ?? host.replace(/:[0-9]*$/, '');
};

const query = ({ query: text }: Parsed): Value => {
  const values = new Map<string, string[]>();
  for (const pair of text.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const equals = pair.indexOf('=');
    const key = unescape(equals < 0 ? pair : pair.slice(0, equals), true);
    const value = unescape(equals < 0 ? '' : pair.slice(equals + 1), true);
    if (key === undefined || value === undefined) continue;
    const known = values.get(key);
    if (known === undefined) values.set(key, [value]);
    else known.push(value);
  }
  const map = new EntryMap();
  for (const [key, list] of values) map.set(key, new ArrayList(list));
  return map;
};

const toUrl: Implementation = ([value]) => {
  const text = value as string;
  const error = requestUriError(text);
  if (error !== undefined) return new CelError(`URL parse error during conversion from string: ${error}`);
  const hash = text.indexOf('#');
  try {
    const fragment = hash < 0 ? '' : text.slice(hash + 1);
    checkEscapes(fragment);
    return new UrlValue(parse(hash < 0 ? text : text.slice(0, hash), fragment, false));
  } catch (failed) {
    if (!(failed instanceof UrlError)) throw failed;
    return new CelError(`URL parse error during conversion from string: parse ${quoted(text)}: ${failed.message}`);
  }
};

const part = (name: string, id: string, result: Type, read: (url: Parsed) => Value): FunctionDecl =>
  fn(
    name,
    member(id, [URL_TYPE], result, ([url]) => read((url as UrlValue).parsed)),
  );

export const urlLibrary: readonly FunctionDecl[] = [
  fn('url', overload('string_to_url', [STRING], URL_TYPE, toUrl)),
  fn(
    'isURL',
    overload('is_url_string', [STRING], BOOL, ([text]) => requestUriError(text as string) === undefined),
  ),
  part('getScheme', 'url_get_scheme', STRING, ({ scheme }) => scheme),
  part('getHost', 'url_get_host', STRING, ({ host }) => host),
  part('getHostname', 'url_get_hostname', STRING, hostname),
  part('getPort', 'url_get_port', STRING, ({ host }) => /^(?:\[[^\]]*\]|[^:]*):([0-9]*)$/.exec(host)?.[1] ?? ''),
  part('getEscapedPath', 'url_get_escaped_path', STRING, escapedPath),
  part('getQuery', 'url_get_query', mapType(STRING, listType(STRING)), query),
];
