/**
 * Asks questions in the network namespace it is started in: lines of JSON on standard input, an answer each on standard output.
 * `{http: url}`; `{udp: [host, port], from?: port}`, from one socket per source port; `{dns: [server, name, type]}`.
 */
import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { get } from 'node:http';
import { createInterface } from 'node:readline';
import type { Question } from './lab.ts';

const TIMEOUT_MS = 1500;
const sockets = new Map<number, Promise<Socket>>();

async function ask(question: Question): Promise<unknown> {
  if ('http' in question) return await askHttp(question.http);
  if ('udp' in question) return await askUdp(question.udp, question.from ?? 0);
  const [server, name, type] = question.dns;
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 1 });
  resolver.setServers([server]);
  return type === 'PTR' ? await resolver.reverse(name) : await resolver.resolve(name, type);
}

function askHttp(url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => void (text += part));
      response.on('end', () => resolve(JSON.parse(text)));
    });
    request.on('timeout', () => request.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })));
    request.on('error', reject);
  });
}

async function askUdp([host, port]: readonly [string, number], from: number): Promise<unknown> {
  const bound = sockets.get(from) ?? bind(from);
  if (from !== 0) sockets.set(from, bound);
  const socket = await bound;
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })), TIMEOUT_MS);
    socket.once('message', (message) => {
      clearTimeout(timer);
      resolve(JSON.parse(message.toString()));
    });
    socket.send('?', port, host);
  });
}

function bind(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => socket.bind(port, () => resolve(socket)));
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await ask(JSON.parse(line) as Question).then(
    (value) => ({ value }),
    (error: NodeJS.ErrnoException) => ({ error: error.code ?? error.message }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
