import { type WebSocket, WebSocketServer } from 'ws';
import type { UpgradeRequest } from './tunnel.ts';

/** Clients send pieces of 32 KiB; a message is held in memory whole. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** Answers the handshake with `protocol`; the socket is paused. Resolves without a socket when it was bad (answered 400) or the client left. */
export type AcceptWebSocket = (upgrade: UpgradeRequest, protocol: string) => Promise<WebSocket | undefined>;

export function newAcceptWebSocket(): AcceptWebSocket {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  const protocols = new WeakMap<object, string>();
  server.on('headers', (headers, request) => {
    const protocol = protocols.get(request);
    if (protocol !== undefined) headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  return ({ request, socket, head }, protocol) => {
    // ws refuses names with a slash (SPDY/3.1+portforward.k8s.io), so it never sees the header: we answer it.
    delete request.headers['sec-websocket-protocol'];
    protocols.set(request, protocol);
    return new Promise((resolve) => {
      socket.once('close', () => resolve(undefined));
      server.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.pause(); // no message is lost before somebody listens
        resolve(webSocket);
      });
    });
  };
}
