import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SecureContextOptions } from 'node:tls';
import type { ListenOptions } from '../apiserver.ts';
import { apiServerNames, ensurePki } from '#cluster';
import type { TestApiServer, TestApiServerOptions } from '#testing';
import { systemClock } from '#util';
import { startServer } from './objects.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  /** The body as JSON. */
  json(): Json;
}

/** Of no known type: what a test reads out of an answer it also asserts. */
export type Json = ReturnType<typeof JSON.parse>;

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer | object | undefined;
}

export interface HttpsServer extends AsyncDisposable {
  readonly test: TestApiServer;
  readonly port: number;
  readonly ca: string;
  /** The administrator's certificate. */
  readonly admin: SecureContextOptions;
  /** An HTTP/2 connection; ends with the server. Default: the administrator's. */
  connect(credentials?: SecureContextOptions): ClientHttp2Session;
  /** One request over the administrator's connection. */
  ask(path: string, ask?: Ask): Promise<Answer>;
}

interface Authority {
  readonly ca: string;
  readonly admin: SecureContextOptions;
  /** By name: certificates and keys in PEM. */
  readonly files: ReadonlyMap<string, string>;
}

const authorities: Authority[] = [];

/** Two authorities that know nothing of each other: certificates are made once for all tests of a process. */
export async function authority(which: 0 | 1): Promise<Authority> {
  const known = authorities[which];
  if (known !== undefined) return known;
  const directory = mkdtempSync(join(tmpdir(), 'apiserver-pki-'));
  try {
    const pki = await ensurePki({
      directory,
      apiServerNames: apiServerNames({ hostname: 'test', addresses: [], serviceIP: '10.96.0.1' }),
      clock: systemClock,
    });
    const names = [
      'apiserver.crt',
      'apiserver.key',
      'ca.crt',
      'apiserver-kubelet-client.crt',
      'apiserver-kubelet-client.key',
    ];
    const files = new Map(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
    return (authorities[which] = {
      ca: pki.caCertificate,
      admin: { cert: pki.admin.certificate, key: pki.admin.key },
      files,
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A server that listens on loopback with real certificates. */
export async function startHttpsServer(
  options?: TestApiServerOptions,
  listen: Partial<Pick<ListenOptions, 'egress'>> = {},
): Promise<HttpsServer> {
  const { ca, admin, files } = await authority(0);
  const file = (name: string): string => files.get(name)!;
  const test = await startServer(options);
  const port = await test.server.listen({
    addresses: ['127.0.0.1'],
    port: 0,
    ...listen,
    // Of documentation; nobody calls it. Endpoints may not be loopback.
    advertiseAddress: '192.0.2.1',
    certificate: file('apiserver.crt'),
    key: file('apiserver.key'),
    ca: file('ca.crt'),
    kubeletClient: { certificate: file('apiserver-kubelet-client.crt'), key: file('apiserver-kubelet-client.key') },
  });
  const sessions: ClientHttp2Session[] = [];
  let own: ClientHttp2Session | undefined;
  const open = (credentials: SecureContextOptions = admin): ClientHttp2Session => {
    const session = connect(`https://127.0.0.1:${port}`, { ca, maxSessionMemory: 1000, ...credentials });
    session.on('error', () => undefined); // its streams fail too, and tell
    sessions.push(session);
    return session;
  };
  return {
    test,
    port,
    ca,
    admin,
    connect: open,
    ask: (path, ask) => askH2((own ??= open()), path, ask),
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await test[Symbol.asyncDispose]();
    },
  };
}

const encoded = (body: Ask['body']): string | Buffer | undefined =>
  body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);

function answerOf(status: number, headers: Answer['headers'], chunks: readonly Buffer[]): Answer {
  const body = Buffer.concat(chunks);
  const text = body.toString();
  return { status, headers, body, text, json: () => JSON.parse(text) };
}

/** One request over HTTP/2. */
export function askH2(
  session: ClientHttp2Session,
  path: string,
  { method = 'GET', headers, body }: Ask = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const bytes = encoded(body);
  const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: bytes === undefined });
  const chunks: Buffer[] = [];
  let answer: Answer['headers'] | undefined;
  stream.on('response', (found) => (answer = found as Answer['headers']));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', reject);
  stream.on('close', () => {
    if (answer === undefined) reject(new Error(`closed without an answer, code ${stream.rstCode}`));
    else resolve(answerOf(Number(answer[':status']), answer, chunks));
  });
  if (bytes !== undefined) stream.end(bytes);
  return promise;
}

/** One request over HTTP/1.1. */
export function askH1(
  { port, ca, admin }: HttpsServer,
  path: string,
  { method = 'GET', headers, body }: Ask = {},
  credentials: SecureContextOptions = admin,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const options: RequestOptions = { host: '127.0.0.1', port, path, method, agent: new Agent(), ca, ...credentials };
  const outgoing = httpsRequest({ ...options, headers: headers ?? {} }, (incoming) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => resolve(answerOf(incoming.statusCode!, incoming.headers, chunks)));
    incoming.on('error', reject);
  });
  outgoing.on('error', reject);
  outgoing.end(encoded(body));
  return promise;
}
