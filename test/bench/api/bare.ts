/**
 * The limit: a bare HTTP/2 server that answers with bytes it was given, for test/bench/api.ts. Arguments: a directory with `pki` and the answers,
 * `answers.json`: path → base64.
 */
import { readFileSync } from 'node:fs';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { tellUsage } from './usage.ts';

const [directory = ''] = process.argv.slice(2);
const pki = (name: string): string => readFileSync(join(directory, 'pki', name), 'utf8');
const stored = JSON.parse(readFileSync(join(directory, 'answers.json'), 'utf8')) as Record<string, string>;
const answers = new Map(Object.entries(stored).map(([path, body]) => [path, Buffer.from(body, 'base64')]));

const server = createSecureServer({
  cert: pki('apiserver.crt'),
  key: pki('apiserver.key'),
  ca: pki('ca.crt'),
  requestCert: true,
  maxSessionMemory: 1024,
});
server.on('stream', (stream: ServerHttp2Stream, headers) => {
  const body = answers.get(headers[':path'] ?? '') ?? Buffer.alloc(0);
  const answer = (): void => {
    stream.respond({ ':status': 200, 'content-type': 'application/json', 'content-length': String(body.length) });
    stream.end(body);
  };
  stream.on('error', () => undefined);
  if (headers[':method'] === 'GET') return answer();
  stream.resume();
  stream.on('end', answer);
});
server.listen(0, '127.0.0.1', () => {
  tellUsage();
  process.send!({ port: (server.address() as { port: number }).port });
});
