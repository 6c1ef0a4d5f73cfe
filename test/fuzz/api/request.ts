/** A request as the fuzzer makes it, and its form in a file, from which it can be sent again. */
export interface FuzzRequest {
  readonly method: string;
  /** With the query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Header lines besides, of names that may be there already. */
  readonly repeated?: readonly (readonly [string, string])[] | undefined;
  readonly body?: Buffer | undefined;
  /** The connection ends after so many bytes of the body. */
  readonly cutAt?: number | undefined;
  /** By its client certificate; undefined has none. */
  readonly user: string | undefined;
}

/** What goes into a file: requests sent before, then the one that failed. */
export interface Failure {
  readonly problem: string;
  readonly seed: number;
  readonly before: readonly FuzzRequest[];
  readonly request: FuzzRequest;
}

interface Written extends Omit<FuzzRequest, 'body'> {
  readonly body?: string | undefined;
  readonly base64?: string | undefined;
}

function written({ body, ...rest }: FuzzRequest): Written {
  if (body === undefined) return rest;
  const text = body.toString();
  return Buffer.from(text).equals(body) ? { ...rest, body: text } : { ...rest, base64: body.toString('base64') };
}

function read({ body, base64, ...rest }: Written): FuzzRequest {
  if (body !== undefined) return { ...rest, body: Buffer.from(body) };
  return base64 === undefined ? rest : { ...rest, body: Buffer.from(base64, 'base64') };
}

export const failureText = ({ before, request, ...rest }: Failure): string =>
  `${JSON.stringify({ ...rest, before: before.map(written), request: written(request) }, undefined, 2)}\n`;

export function parseFailure(text: string): Failure {
  const { before, request, ...rest } = JSON.parse(text) as Failure & { before: Written[]; request: Written };
  return { ...rest, before: before.map(read), request: read(request) };
}

/** One line for a terminal. */
export function requestLine({ method, url, headers, repeated = [], body, user }: FuzzRequest): string {
  const { 'content-type': type = '', ...others } = headers;
  const lines = [...Object.entries(others), ...repeated].map(([name, value]) => ` ${name}: ${value}`).join('');
  const text = body === undefined ? '' : ` ${type} ${JSON.stringify(body.toString().slice(0, 600))}`;
  return `${method} ${JSON.stringify(url)} as ${user ?? 'nobody'}${lines}${text}`;
}
