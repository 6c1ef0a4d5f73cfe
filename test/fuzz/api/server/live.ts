/**
 * What a request can only know from answers before it: it carries marks, and in their place goes what the server said last. So a request is the same for
 * the same seed, and can be sent again from a file.
 */
import type { FuzzRequest } from '../request.ts';

export const RESOURCE_VERSION = 'LIVE.rv.';
export const UID = 'LIVE.uid.';
export const CONTINUE = 'LIVE.continue.';
/** A token of a service account, by the server. */
export const TOKEN = 'LIVE.token.';
/** A token by the server's own key that says whatever is wished. */
export const signedToken = (claims: string): string => `LIVE.signed-${Buffer.from(claims).toString('base64url')}.`;

const MARK = /LIVE\.(rv|uid|continue|token|signed-([\w-]*))\./g;
const PREFIX = Buffer.from('LIVE.');

/** What is learnt stands near the beginning of an answer. */
const LEARNT_BYTES = 2000;
const LEARNT = [
  ['rv', /"resourceVersion":"(\d+)"/],
  ['uid', /"uid":"([\w-]+)"/],
  ['continue', /"continue":"([\w-]+)"/],
] as const;

export interface LiveOptions {
  /** A token of some service account. */
  readonly token: string;
  sign(claims: Buffer): Promise<string>;
}

interface Known {
  rv: string;
  uid: string;
  continue: string;
}

export class Live {
  readonly #options: LiveOptions;
  readonly #known: Known = { rv: '1', uid: '00000000-0000-0000-0000-000000000000', continue: '' };
  readonly #signed = new Map<string, string>();

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** The request with values in place of marks. */
  async fill(request: FuzzRequest): Promise<FuzzRequest> {
    const { url, headers, body } = request;
    const marked = Object.values(headers).some((value) => value.includes('LIVE.'));
    const inBody = body?.includes(PREFIX) === true;
    if (!marked && !inBody && !url.includes('LIVE.')) return request;
    return {
      ...request,
      url: await this.#filled(url),
      headers: marked ? await this.#filledHeaders(headers) : headers,
      // In protobuf lengths are wrong then.
      body: inBody ? Buffer.from(await this.#filled(body.toString('latin1')), 'latin1') : body,
    };
  }

  /** Learns from an answer in JSON. */
  learn(body: Buffer): void {
    const text = body.toString('latin1', 0, LEARNT_BYTES);
    for (const [name, pattern] of LEARNT) {
      const value = pattern.exec(text)?.[1];
      if (value !== undefined) this.#known[name] = value;
    }
  }

  async #filledHeaders(headers: FuzzRequest['headers']): Promise<FuzzRequest['headers']> {
    const entries = Object.entries(headers).map(async ([name, value]) => [name, await this.#filled(value)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }

  async #filled(text: string): Promise<string> {
    for (const [, , claims] of text.matchAll(MARK))
      if (claims !== undefined && !this.#signed.has(claims))
        this.#signed.set(claims, await this.#options.sign(Buffer.from(claims, 'base64url')));
    return text.replaceAll(MARK, (_mark, what: string, claims: string | undefined) => {
      if (claims !== undefined) return this.#signed.get(claims) ?? '';
      return what === 'token' ? this.#options.token : this.#known[what as keyof Known];
    });
  }
}
