/** Handshakes and frames of WebSockets (RFC 6455), as they are spoken for watches, exec, attach and port-forward, and as they must not be. */
import type { Random } from '../random.ts';
import { tokenOf } from '../requests/identity.ts';

const NAMESPACE = '/api/v1/namespaces/default';
const URLS = [
  `${NAMESPACE}/pods/web/exec?command=sh&stdin=1&stdout=1&stderr=1&tty=1`,
  `${NAMESPACE}/pods/web/exec?command=sh&container=none`,
  `${NAMESPACE}/pods/web/attach?stdin=1`,
  `${NAMESPACE}/pods/web/portforward?ports=80`,
  `${NAMESPACE}/pods/web/portforward`,
  `${NAMESPACE}/pods/web/proxy/ws`,
  `${NAMESPACE}/services/web:http/proxy/ws`,
  `${NAMESPACE}/pods/none/exec?command=sh`,
  '/api/v1/nodes/node/proxy/exec/default/web/main',
  `${NAMESPACE}/pods?watch=1`,
  `${NAMESPACE}/pods?watch=1&allowWatchBookmarks=1&sendInitialEvents=1&resourceVersionMatch=NotOlderThan`,
  `${NAMESPACE}/configmaps?watch=1&resourceVersion=999999999`,
  `${NAMESPACE}/pods`,
  '/version',
];
const PROTOCOLS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'v5.channel.k8s.io, v4.channel.k8s.io, channel.k8s.io',
  'base64.channel.k8s.io',
  'channel.k8s.io',
  'SPDY/3.1+portforward.k8s.io',
  'binary.k8s.io',
  'base64.binary.k8s.io',
  'v6.channel.k8s.io',
  ',,,',
  '"quoted"',
  'x'.repeat(3000),
];

function handshake(random: Random): string {
  const lines = [`GET ${random.pick(URLS)} HTTP/1.1`, 'host: x'];
  const spdy = random.chance(0.2);
  lines.push(`connection: ${random.chance(0.95) ? 'Upgrade' : random.pick(['close', 'keep-alive', ''])}`);
  lines.push(
    `upgrade: ${spdy ? 'SPDY/3.1' : random.chance(0.95) ? 'websocket' : random.pick(['WebSocket, x', 'h2c', ''])}`,
  );
  if (spdy) lines.push(`x-stream-protocol-version: ${random.pick(['v4.channel.k8s.io', 'portforward.k8s.io', 'x'])}`);
  if (random.chance(0.97))
    lines.push(
      `sec-websocket-key: ${random.chance(0.95) ? 'dGhlIHNhbXBsZSBub25jZQ==' : random.pick(['x', '', 'AA=='])}`,
    );
  if (random.chance(0.97))
    lines.push(`sec-websocket-version: ${random.chance(0.95) ? '13' : random.pick(['0', '8', 'x', '13, 8'])}`);
  if (random.chance(0.8)) lines.push(`sec-websocket-protocol: ${random.pick(PROTOCOLS)}`);
  if (random.chance(0.1)) {
    const token = Buffer.from(tokenOf(random)).toString('base64url');
    lines.push(`sec-websocket-protocol: base64url.bearer.authorization.k8s.io.${token}, v4.channel.k8s.io`);
  }
  if (random.chance(0.1))
    lines.push(
      `sec-websocket-extensions: ${random.pick(['permessage-deflate', 'permessage-deflate; server_max_window_bits=99', ';;', 'x'])}`,
    );
  if (random.chance(0.05)) lines.push(`content-length: ${random.pick(['5', '0', 'x'])}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A frame; `announced` is the length it says it has. */
function frame(opcode: number, payload: Buffer, random: Random): Buffer {
  const masked = random.chance(0.93);
  const bits = random.chance(0.03) ? 0x70 : 0;
  const final = random.chance(0.9) ? 0x80 : 0;
  const announced = random.chance(0.03) ? random.pick([0, 125, 126, 65_536, 2 ** 31, 2 ** 53]) : payload.length;
  const length = Buffer.alloc(announced < 126 ? 1 : announced < 65_536 ? 3 : 9);
  if (length.length === 1) length[0] = announced;
  else if (length.length === 3) {
    length[0] = 126;
    length.writeUInt16BE(announced, 1);
  } else {
    length[0] = 127;
    length.writeBigUInt64BE(BigInt(announced), 1);
  }
  if (!masked) return Buffer.concat([Buffer.from([final | bits | opcode]), length, payload]);
  length[0] |= 0x80;
  const mask = Buffer.from([1, 2, 3, 4]);
  return Buffer.concat([
    Buffer.from([final | bits | opcode]),
    length,
    mask,
    payload.map((byte, i) => byte ^ mask[i % 4]!),
  ]);
}

const OPCODES = [0, 1, 1, 2, 2, 2, 2, 8, 9, 10, 3, 15];
const PAYLOADS: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from([0]),
  Buffer.from('\0hello'),
  Buffer.from([4, ...Buffer.from('{"Width":80,"Height":24}')]),
  Buffer.from([4, ...Buffer.from('{"Width":1e400')]),
  Buffer.from([255, 0]),
  Buffer.from([255, 99, 1]),
  Buffer.from([9, 9, 9]),
  Buffer.from([0, 80, 0]),
  Buffer.from([0x03, 0xe8]),
  Buffer.from([0x03]),
  Buffer.from([0xff, 0xff, 0xff]),
  Buffer.from([0xc3, 0x28]),
  Buffer.from('MGhlbGxv'),
  Buffer.alloc(126, 1),
  Buffer.alloc(5000, 2),
  Buffer.alloc(70_000, 0),
];

/** All a client sends: its handshake, and frames in the same breath or after it. */
export function webSocketBytes(random: Random): { readonly first: Buffer; readonly after: Buffer } {
  const frames = Array.from({ length: random.below(10) }, () =>
    frame(random.pick(OPCODES), random.pick(PAYLOADS), random),
  );
  const first = Buffer.from(handshake(random), 'latin1');
  const after = Buffer.concat(frames);
  return random.chance(0.3) ? { first: Buffer.concat([first, after]), after: Buffer.alloc(0) } : { first, after };
}
