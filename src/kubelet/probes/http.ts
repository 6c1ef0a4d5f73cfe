import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HTTPHeader } from '#api';
import { messageOf } from '#util';
import { PROBE_USER_AGENT } from '../version.ts';
import { goNetworkError } from './dial.ts';
import { failure, type ProbeResult, success } from './result.ts';

/** Source: pkg/probe/http/http.go v1.36. */
const MAX_BODY_BYTES = 10 * 1024;
const MAX_REDIRECTS = 10;

export interface HttpProbe {
  readonly url: URL;
  readonly headers: readonly HTTPHeader[];
  readonly timeoutMs: number;
}

export interface HttpResponse {
  readonly statusCode: number;
  readonly location: string | undefined;
  readonly body: string;
}

function requestHeaders(headers: readonly HTTPHeader[]): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = {
    'User-Agent': PROBE_USER_AGENT,
    Accept: '*/*',
    Connection: 'close',
  };
  const given = new Map<string, string[]>();
  for (const { name, value } of headers) {
    const key = name.toLowerCase();
    given.set(key, [...(given.get(key) ?? []), value]);
  }
  for (const [name, values] of given) {
    for (const own of Object.keys(result)) if (own.toLowerCase() === name) delete result[own];
    // An empty value of these two means: leave the header out.
    const empty = values.every((value) => value === '');
    if (!(empty && (name === 'accept' || name === 'user-agent')))
      result[name] = name === 'host' ? (values[0] ?? '') : values;
  }
  return result;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= MAX_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8');
}

/** One GET without redirects. Rejects with an Error worded as Go's. The signal is for the caller's own end, the timeout for the server's. */
export function httpGet(
  { url, headers, timeoutMs }: HttpProbe,
  { signal }: { signal: AbortSignal },
): Promise<HttpResponse> {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const where = `Get ${JSON.stringify(url.href)}: `;
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    let connected = false;
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      agent: false,
      method: 'GET',
      headers: requestHeaders(headers),
      rejectUnauthorized: false, // as upstream: a probe asks whether it answers, not who
      signal: AbortSignal.any([signal, deadline]),
    });
    const fail = (error: unknown): void => {
      if (signal.aborted) return reject(signal.reason as Error);
      if (deadline.aborted)
        return reject(new Error(`${where}context deadline exceeded (Client.Timeout exceeded while awaiting headers)`));
      reject(new Error(where + goNetworkError(error, { host, port, connected })));
    };
    request.once('socket', (socket) => socket.once('connect', () => void (connected = true)));
    request.once('error', fail);
    request.once('response', (response) => {
      const { statusCode = 0 } = response;
      const read = async (): Promise<void> => {
        const body = await bodyOf(response);
        request.destroy();
        resolve({ statusCode, location: response.headers.location, body });
      };
      read().catch(fail);
    });
    request.end();
  });
}

const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

/** 200 to 399 is success; a redirect to another host is not followed and counts as one, with a warning. */
export async function probeHttp(probe: HttpProbe, options: { signal: AbortSignal }): Promise<ProbeResult> {
  let { url } = probe;
  try {
    for (let redirects = 0; ; redirects++) {
      const { statusCode, location, body } = await httpGet({ ...probe, url }, options);
      if (isRedirect(statusCode) && location !== undefined) {
        const next = new URL(location, url);
        if (next.hostname !== url.hostname)
          return { result: 'warning', output: `Probe terminated redirects, Response body: ${body}` };
        if (redirects >= MAX_REDIRECTS)
          return failure(`Get ${JSON.stringify(next.href)}: stopped after ${MAX_REDIRECTS} redirects`);
        url = next;
        continue;
      }
      if (statusCode >= 200 && statusCode < 400) return success(body);
      return failure(`HTTP probe failed with statuscode: ${statusCode}`);
    }
  } catch (error) {
    options.signal.throwIfAborted();
    return failure(messageOf(error));
  }
}
