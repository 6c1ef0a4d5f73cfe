import { HttpError } from '../http-error.ts';

/** Which streams of the process the client wants. */
export interface StreamOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** NewOptions of kubelet/pkg/cri/streaming/remotecommand v0.33: a terminal has no stderr of its own. */
export function parseStreamOptions(query: URLSearchParams): StreamOptions {
  const on = (name: string): boolean => query.get(name) === '1';
  const tty = on('tty');
  const options = { stdin: on('input'), stdout: on('output'), stderr: on('error') && !tty, tty };
  if (!options.stdin && !options.stdout && !options.stderr) {
    throw new HttpError(400, 'you must specify at least 1 of stdin, stdout, stderr');
  }
  return options;
}

/** The ports a WebSocket client names (NewV4Options of kubelet/pkg/cri/streaming/portforward v0.33); SPDY clients name theirs later. */
export function parsePorts(query: URLSearchParams): number[] {
  const texts = query.getAll('port').flatMap((text) => text.split(','));
  if (texts.length === 0) throw new HttpError(400, 'query parameter "port" is required');
  return texts.map((text) => {
    if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
      throw new HttpError(400, `unable to parse ${JSON.stringify(text)} as a port`);
    }
    if (Number(text) === 0) throw new HttpError(400, `port ${JSON.stringify(text)} must be > 0`);
    return Number(text);
  });
}

/** The sub-protocols a WebSocket client offers, in its order; none when the request is for something else. */
export function offeredProtocols(headers: {
  upgrade?: string | undefined;
  'sec-websocket-protocol'?: string | undefined;
}): string[] {
  if (headers.upgrade?.toLowerCase() !== 'websocket') return [];
  return (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
}
