/**
 * The limit: a bare HTTP/2 server that answers with bytes it was given, for test/bench/api.ts. Arguments: a directory with `pki` and the answers: a file
 * `answers/KEY` each, where KEY is what the request says in `x-answer`.
 */
import { readFileSync } from 'node:fs';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { tellUsage } from './usage.ts';

const [directory = ''] = process.argv.slice(2);
const pki = (name: string): string => readFileSync(join(directory, 'pki', name), 'utf8');
const answers = new Map<string, Buffer>();

function answerOf(key: string): Buffer {
  let known = answers.get(key);
  if (known === undefined) answers.set(key, (known = readFileSync(join(directory, 'answers', key))));
  return known;
}

const server = createSecureServer({
  cert: pki('apiserver.crt'),
  key: pki('apiserver.key'),
  ca: pki('ca.crt'),
  requestCert: true,
  maxSessionMemory: 1024,
});
server.on('stream', (stream: ServerHttp2Stream, headers) => {
  const body = answerOf(String(headers['x-answer']));
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
