import { posix } from 'node:path';

/** What a page that came through the proxy must say in place of its own addresses. */
export interface Rewrite {
  /** `host:port` of the backend. */
  readonly backendHost: string;
  /** Host the client asked. */
  readonly requestHost: string;
  /** Path the backend's root stands under at this server. */
  readonly prefix: string;
}

/** RFC 3986 appendix B. */
const URL_PARTS = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/s;

/** An address on the backend's own host goes through the proxy; others are left alone. Source: rewriteURL of apimachinery pkg/util/proxy/transport.go v0.36. */
export function rewriteUrl(address: string, { backendHost, requestHost, prefix }: Rewrite): string {
  const [, scheme, host = '', path = '', query = '', fragment = ''] = URL_PARTS.exec(address) ?? [];
  if (host !== '' && host !== backendHost && host !== requestHost) return address;
  if (!path.startsWith('/')) return address;
  const kept = host === requestHost && host !== '' ? `${scheme === undefined ? '' : `${scheme}:`}//${host}` : '';
  return `${kept}${prefixed(path, prefix)}${query}${fragment}`;
}

function prefixed(path: string, prefix: string): string {
  if (path.startsWith(prefix)) return path;
  const joined = posix.join(prefix, path);
  return path.endsWith('/') && !joined.endsWith('/') ? `${joined}/` : joined;
}

/** Attributes of each element that hold an address. Source: atomsToAttrs, as above. */
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** Elements whose content is text up to their end tag, whatever it looks like. */
const RAW_TEXT = new Set(['script', 'style', 'textarea', 'title', 'iframe', 'noembed', 'noframes', 'xmp']);
/** A tag that has not ended after this is none. */
const MAX_TAG_LENGTH = 8 << 10;

/** Rewrites the addresses of a page as it passes. The page is taken as Latin-1, so that its bytes are kept whatever they mean. */
export async function* rewriteHtml(chunks: AsyncIterable<Buffer>, rewrite: Rewrite): AsyncGenerator<Buffer> {
  const scanner = new Scanner(rewrite);
  for await (const chunk of chunks) {
    const text = scanner.push(chunk.toString('latin1'));
    if (text !== '') yield Buffer.from(text, 'latin1');
  }
  const rest = scanner.rest();
  if (rest !== '') yield Buffer.from(rest, 'latin1');
}

class Scanner {
  readonly #rewrite: Rewrite;
  /** What may be the beginning of a tag, a comment or the end of a raw text. */
  #pending = '';
  /** What ends the text that is passed over, in lower case. */
  #until: string | undefined;

  constructor(rewrite: Rewrite) {
    this.#rewrite = rewrite;
  }

  push(text: string): string {
    const input = this.#pending + text;
    let out = '';
    let at = 0;
    while (at < input.length) {
      const end = this.#until === undefined ? this.#tagEnd(input, at) : this.#skipEnd(input, at, this.#until);
      if (end === undefined) break;
      out += end.text;
      at = end.at;
    }
    this.#pending = input.slice(at);
    return out;
  }

  rest(): string {
    const rest = this.#pending;
    this.#pending = '';
    return rest;
  }

  /** Passes over text that is no markup. */
  #skipEnd(input: string, from: number, until: string): { text: string; at: number } | undefined {
    const found = input.toLowerCase().indexOf(until, from);
    if (found >= 0) {
      this.#until = undefined;
      return { text: input.slice(from, found), at: found };
    }
    const safe = Math.max(from, input.length - until.length);
    return safe === from ? undefined : { text: input.slice(from, safe), at: safe };
  }

  /** Text up to and with the next tag. */
  #tagEnd(input: string, from: number): { text: string; at: number } | undefined {
    const start = input.indexOf('<', from);
    if (start < 0) return { text: input.slice(from), at: input.length };
    if (start > from) return { text: input.slice(from, start), at: start };
    if (input.length - start < 4) return undefined;
    if (input.startsWith('<!--', start)) {
      this.#until = '-->';
      return { text: '<!--', at: start + 4 };
    }
    if (!/[A-Za-z]/.test(input[start + 1]!)) return { text: '<', at: start + 1 };
    const end = tagLength(input, start);
    if (end === undefined)
      return input.length - start > MAX_TAG_LENGTH
        ? { text: input.slice(start, start + MAX_TAG_LENGTH), at: start + MAX_TAG_LENGTH }
        : undefined;
    const tag = input.slice(start, end);
    const name = /^<([A-Za-z][^\s/>]*)/.exec(tag)![1]!.toLowerCase();
    if (RAW_TEXT.has(name) && !tag.endsWith('/>')) this.#until = `</${name}`;
    return { text: this.#rewritten(tag, name), at: end };
  }

  #rewritten(tag: string, name: string): string {
    const names = Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name]! : [];
    if (names.length === 0) return tag;
    return tag.replaceAll(ATTRIBUTE, (whole, before: string, key: string, equals: string, value: string) => {
      if (!names.includes(key.toLowerCase())) return whole;
      const quote = value[0] === '"' || value[0] === "'" ? value[0] : '';
      const old = quote === '' ? value : value.slice(1, -1);
      const now = escapeAttribute(rewriteUrl(unescapeAttribute(old), this.#rewrite));
      return `${before}${key}${equals}${quote === '' ? `"${now}"` : `${quote}${now}${quote}`}`;
    });
  }
}

/** White space, name, equals sign, value. */
const ATTRIBUTE = /([\s/"'])([^\s=/>"']+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g;

/** Where the tag that begins at `start` ends; a `>` in quotes does not end it. */
function tagLength(input: string, start: number): number | undefined {
  let quote = '';
  for (let i = start + 1; i < input.length && i - start <= MAX_TAG_LENGTH; i++) {
    const c = input[i]!;
    if (quote !== '') {
      if (c === quote) quote = '';
    } else if (c === '>') {
      return i + 1;
    } else if ((c === '"' || c === "'") && /[=\s]/.test(input[i - 1]!)) {
      quote = c;
    }
  }
  return undefined;
}

const unescapeAttribute = (text: string): string =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '"': '&#34;',
  "'": '&#39;',
  '<': '&lt;',
  '>': '&gt;',
};
const escapeAttribute = (text: string): string => text.replaceAll(/[&"'<>]/g, (c) => ESCAPES[c]!);
