/** A real registry (Debian's docker-registry, unpacked and not installed) on an address of the test, and pushing to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from '#linux';
import { buildRootfs } from './images/images.ts';

export interface RegistryOptions {
  /** IP address to listen on. */
  readonly host: string;
  /** Default 5000; 0 lets the kernel choose. */
  readonly port?: number;
  /** Name → password. Absent: anyone may pull and push. */
  readonly users?: Readonly<Record<string, string>>;
  /** Serve HTTPS with this key pair (paths of PEM files); `caFile` is what {@link Registry.push} trusts. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
}

export interface Registry extends AsyncDisposable {
  /** As `http://172.18.0.1:5000`. */
  readonly url: string;
  /** Uploads the OCI tar of an image as `repository:tag`. Returns the digest of the manifest. */
  push(imageFile: string, repository: string, tag: string): Promise<string>;
  /** What the registry has logged so far: one line per request, with user, path and status. */
  log(): Promise<string>;
}

/** Starts a registry with empty storage; it is gone, with all it stored, when disposed of. */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const { users, tls } = options;
  const directory = await mkdtemp(join(tmpdir(), 'pirogue-registry-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(directory, { recursive: true, force: true }));

  const logFile = join(directory, 'log');
  await writeFile(join(directory, 'config.json'), await configuration(directory, options));
  const program = join(await buildRootfs(['registry']), 'usr/bin/docker-registry');
  // JSON is YAML. Tied to our life, so that a killed test leaves no registry behind.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, 'serve', join(directory, 'config.json')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { OTEL_TRACES_EXPORTER: 'none' },
  });
  undo.defer(() => stop(child));
  const address = await listening(child, logFile);

  const url = `${tls === undefined ? 'http' : 'https'}://${address}`;
  const ca = tls && (await readFile(tls.caFile));
  const [user] = Object.entries(users ?? {});
  const call = caller(url, { ...(ca && { ca }), ...(user && { auth: user.join(':') }) });
  const resources = undo.move();
  return {
    url,
    push: (imageFile, repository, tag) => push(call, imageFile, repository, tag),
    log: () => readFile(logFile, 'utf8'),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Source: configuration.md of distribution 2.8. */
async function configuration(directory: string, options: RegistryOptions): Promise<string> {
  const { host, port = 5000, users, tls } = options;
  const htpasswd = join(directory, 'htpasswd');
  if (users !== undefined) {
    const lines = await Promise.all(
      Object.entries(users).map(async ([name, word]) => `${name}:${await bcrypt(word)}\n`),
    );
    await writeFile(htpasswd, lines.join(''), { mode: 0o600 });
  }
  return JSON.stringify({
    version: 0.1,
    log: { level: 'info', formatter: 'text' },
    storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
    http: {
      addr: `${host}:${port}`,
      secret: randomBytes(16).toString('hex'),
      ...(tls && { tls: { certificate: tls.certFile, key: tls.keyFile } }),
    },
    ...(users && { auth: { htpasswd: { realm: 'pirogue', path: htpasswd } } }),
  });
}

/** Perl is on every Debian, and its crypt(3) knows bcrypt, the only hash the registry takes. */
async function bcrypt(password: string): Promise<string> {
  const salt = randomBytes(16).toString('hex').slice(0, 21);
  const program = 'my $p = <STDIN>; print crypt($p, $ARGV[0])';
  return await run('perl', ['-e', program, `$2y$05$${salt}u`], { input: password });
}

/** Resolves with the address once the registry serves; rejects with its log if it ends before. */
async function listening(child: ChildProcess, logFile: string): Promise<string> {
  const log = createWriteStream(logFile);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = '';
  const read = (chunk: Buffer): void => {
    log.write(chunk);
    if (said.length > 1 << 16) return;
    said += chunk.toString();
    const address = /listening on ([^\s",]+)/.exec(said)?.[1];
    if (address !== undefined) resolve(address);
  };
  child.stdout?.on('data', read);
  child.stderr?.on('data', read);
  child.once('error', reject);
  child.once('close', (code) => {
    log.end();
    reject(new Error(`docker-registry ended with code ${code}: ${said}`));
  });
  return await promise;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once('close', () => resolve());
  child.kill('SIGKILL'); // there is nothing it should save
  await promise;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Call = (
  method: string,
  path: string,
  body?: {
    readonly type: string;
    readonly sizeBytes: number;
    readonly write: (request: ClientRequest) => Promise<void>;
  },
) => Promise<Answer>;

function caller(url: string, options: { ca?: Buffer; auth?: string }): Call {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  return async (method, path, body) => {
    const headers = body && { 'content-type': body.type, 'content-length': body.sizeBytes };
    const outgoing = request(new URL(path, url), { method, ...options, ...(headers && { headers }) });
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    if (body === undefined) outgoing.end();
    else await body.write(outgoing);
    const response = await promise;
    let text = '';
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
    return { status: response.statusCode ?? 0, headers: response.headers, body: text };
  };
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
}

/** Source: OCI distribution-spec v1.1, "Pushing". */
async function push(call: Call, imageFile: string, repository: string, tag: string): Promise<string> {
  const layout = await mkdtemp(join(tmpdir(), 'pirogue-push-'));
  try {
    await run('tar', ['-xf', imageFile, '-C', layout]);
    const blob = (digest: string): string => join(layout, 'blobs', digest.replace(':', '/'));
    const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: Descriptor[] };
    const [image] = index.manifests;
    if (image === undefined) throw new Error(`${imageFile} holds no image`);
    const bytes = await readFile(blob(image.digest));
    const { config, layers } = JSON.parse(bytes.toString()) as { config: Descriptor; layers: Descriptor[] };
    for (const { digest } of [config, ...layers]) await pushBlob(call, repository, digest, blob(digest));
    const answer = await call('PUT', `/v2/${repository}/manifests/${tag}`, {
      type: image.mediaType,
      sizeBytes: bytes.length,
      write: async (request) => void request.end(bytes),
    });
    expect(answer, 201, `push of ${repository}:${tag}`);
    return image.digest;
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
}

async function pushBlob(call: Call, repository: string, digest: string, file: string): Promise<void> {
  const known = await call('HEAD', `/v2/${repository}/blobs/${digest}`);
  if (known.status === 200) return;
  const started = await call('POST', `/v2/${repository}/blobs/uploads/`);
  expect(started, 202, `start of an upload to ${repository}`);
  const target = new URL(started.headers.location ?? '', 'http://registry');
  target.searchParams.set('digest', digest);
  const { size } = await stat(file);
  const answer = await call('PUT', `${target.pathname}${target.search}`, {
    type: 'application/octet-stream',
    sizeBytes: size,
    write: (request) => pipeline(createReadStream(file), request),
  });
  expect(answer, 201, `upload of ${digest} to ${repository}`);
}

function expect(answer: Answer, status: number, what: string): void {
  if (answer.status !== status) throw new Error(`${what}: status ${answer.status}: ${answer.body}`);
}
