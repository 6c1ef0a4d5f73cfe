import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Pod } from '#api';
import { CriError } from '#cri';
import type { Logger } from '#util';
import { HttpError } from './http-error.ts';
import type { KubeletUser } from './routes.ts';

export const TEXT = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };
export const JSON_TYPE = { 'Content-Type': 'application/json' };

/** Who the client's certificate names. Throws (401) without one that the cluster's authority signed. */
export function authenticate(socket: TLSSocket): KubeletUser {
  const subject = socket.authorized ? socket.getPeerCertificate().subject : undefined;
  const name = oneOf(subject?.CN);
  if (name === undefined || name === '') throw new HttpError(401, 'Unauthorized');
  const organisations: string | string[] | undefined = subject?.O;
  return { name, groups: organisations === undefined ? [] : [organisations].flat() };
}

/** Node gives an array for an attribute that occurs more than once. */
function oneOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

export function urlOf(request: IncomingMessage): URL {
  const url = URL.parse(`https://kubelet${request.url ?? '/'}`);
  if (url === null) throw new HttpError(400, 'Bad Request');
  return url;
}

export function sendJson(response: ServerResponse, value: object): void {
  response.writeHead(200, JSON_TYPE).end(JSON.stringify(value));
}

export function podList(pods: readonly Pod[]): object {
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: pods };
}

export interface ErrorAnswer {
  code: number;
  text: string;
  headers: Readonly<Record<string, string>>;
}

/** What a client gets for anything thrown. What nobody foresaw is logged with its cause. */
export function errorAnswer(error: unknown, log: Logger): ErrorAnswer {
  if (error instanceof HttpError) return { code: error.code, text: error.message, headers: error.headers };
  if (error instanceof CriError) return { code: 500, text: error.message, headers: {} };
  log.error('request to the kubelet failed', { error });
  return { code: 500, text: 'Internal Server Error', headers: {} };
}

/** The same on a bare connection, for requests that asked for an upgrade. */
export function rawAnswer({ code, text, headers }: ErrorAnswer): string {
  const all = { ...TEXT, ...headers, 'Content-Length': Buffer.byteLength(text), Connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}\r\n${lines.join('')}\r\n${text}`;
}
