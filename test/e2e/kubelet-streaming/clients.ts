/** Clients of the kubelet's server, as plain as can be: HTTP, WebSocket channels, a bare upgrade. */
import { once } from 'node:events';
import { request } from 'node:https';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';

export interface Credentials {
  ca: string;
  cert?: string;
  key?: string;
}

export interface Kubelet {
  port: number;
  credentials: Credentials;
}

export interface Answer {
  code: number;
  text: string;
}

export async function get({ port, credentials }: Kubelet, path: string, method = 'GET'): Promise<Answer> {
  const outgoing = request({ host: '127.0.0.1', port, path, method, ...credentials, agent: false });
  outgoing.end();
  const [response] = await once(outgoing, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { code: response.statusCode, text };
}

/** Resolves when the answer begins; yields its body as it comes. */
export async function stream(
  { port, credentials }: Kubelet,
  path: string,
): Promise<AsyncGenerator<string, void, undefined>> {
  const outgoing = request({ host: '127.0.0.1', port, path, ...credentials, agent: false });
  outgoing.end();
  const [response] = await once(outgoing, 'response');
  return (async function* () {
    for await (const chunk of response) yield String(chunk);
  })();
}

/** What came over the channels of a WebSocket, to be waited for. */
export class Channels {
  readonly webSocket: WebSocket;
  readonly #received = new Map<number, Buffer>();
  #wake = (): void => {};

  constructor({ port, credentials }: Kubelet, path: string, protocols: string[]) {
    this.webSocket = new WebSocket(`wss://127.0.0.1:${port}${path}`, protocols, { ...credentials });
    this.webSocket.on('message', (data: Buffer) => {
      const channel = data[0] ?? 0;
      this.#received.set(channel, Buffer.concat([this.bytes(channel), data.subarray(1)]));
      this.#wake();
    });
    this.webSocket.on('close', () => this.#wake());
  }

  async open(): Promise<this> {
    await once(this.webSocket, 'open');
    return this;
  }

  send(channel: number, data: string | Buffer): void {
    this.webSocket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(data)]));
  }

  bytes(channel: number): Buffer {
    return this.#received.get(channel) ?? Buffer.alloc(0);
  }

  text(channel: number): string {
    return this.bytes(channel).toString();
  }

  async until(test: () => boolean): Promise<void> {
    while (!test()) {
      if (this.webSocket.readyState === WebSocket.CLOSED) throw new Error(`closed; got ${JSON.stringify(this.dump())}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async closed(): Promise<void> {
    while (this.webSocket.readyState !== WebSocket.CLOSED) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  dump(): Record<number, string> {
    return Object.fromEntries([...this.#received].map(([channel, data]) => [channel, data.toString()]));
  }
}

/** Asks for an upgrade and returns the answer with the connection. */
export function upgrade(
  { port, credentials }: Kubelet,
  path: string,
  headers: Record<string, string>,
  method = 'POST',
): Promise<{ code: number; headers: Record<string, unknown>; text: string; socket: Socket | undefined }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, method, headers, ...credentials, agent: false });
    outgoing.on('error', reject);
    outgoing.on('upgrade', (response, socket: Socket) =>
      resolve({ code: response.statusCode ?? 0, headers: response.headers, text: '', socket }),
    );
    outgoing.on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () =>
        resolve({ code: response.statusCode ?? 0, headers: response.headers, text, socket: undefined }),
      );
    });
    outgoing.end();
  });
}
