import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ByteSink, HttpRequest, HttpResponse } from '../http/context.ts';

/** Clients have nothing to say on these connections. */
const MAX_MESSAGE_BYTES = 4096;

/** Source: IsWebSocketRequest of k8s.io/streaming pkg/httpstream/wsstream v1.36. */
export const isWebSocket = ({ headers, raw }: HttpRequest): boolean =>
  raw !== undefined &&
  (headers['upgrade'] ?? '').toLowerCase() === 'websocket' &&
  (headers['connection'] ?? '').toLowerCase().includes('upgrade');

/** The first of the protocols the client offers that is one of `known`; '' if it offers none, undefined if it has none of them. */
export function chosenProtocol({ headers }: HttpRequest, known: readonly string[]): string | undefined {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((p) => p.trim());
  return offered.find((protocol) => known.includes(protocol)) ?? (offered.join('') === '' ? '' : undefined);
}

/**
 * Takes the connection over as a WebSocket on which only this side speaks. What `speak` returns must settle when the connection is closed; then it is
 * closed from here.
 */
export function answerWebSocket(
  request: HttpRequest,
  protocol: string,
  speak: (socket: WebSocket) => Promise<void>,
): HttpResponse {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: () => (protocol === '' ? false : protocol),
  });
  return {
    upgrade(connection: Duplex, head: Buffer) {
      server.handleUpgrade(request.raw as IncomingMessage, connection, head, (socket) => {
        // Without a listener an error of the connection would end the process; it is closed after one, and that is enough.
        socket.on('error', () => undefined);
        void speak(socket).finally(() => socket.close(1000));
      });
    },
  };
}

/** A WebSocket as a place bytes are written to: one message a write. */
export function webSocketSink(socket: WebSocket, options: { readonly binary: boolean }): ByteSink {
  let last = Promise.resolve();
  return {
    write(chunk) {
      if (socket.readyState !== socket.OPEN) return true;
      const { promise, resolve } = Promise.withResolvers<void>();
      last = promise;
      socket.send(chunk, options, () => resolve());
      return socket.bufferedAmount === 0;
    },
    drained: () => last,
    end: () => socket.close(1000),
    get closed() {
      return socket.readyState !== socket.OPEN;
    },
    cut: () => socket.terminate(),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
  };
}
