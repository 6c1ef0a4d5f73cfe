import { isIP } from 'node:net';

/** Texts of Go's net package for what Node reports by code, since those are the ones seen in events. */
const SYSCALL_TEXT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
  EPIPE: 'broken pipe',
  EADDRNOTAVAIL: 'cannot assign requested address',
};

/** `10.0.0.1:80`, `[::1]:80`. */
export const hostPort = (host: string, port: number): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;

/** The error of a connection attempt or of a connection as Go words it. */
export function goNetworkError(
  error: unknown,
  { host, port, connected }: { host: string; port: number; connected: boolean },
): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const syscall = error instanceof Error && 'syscall' in error ? String(error.syscall) : '';
  if (syscall === 'getaddrinfo') {
    return `dial tcp: lookup ${host}: ${code === 'ENOTFOUND' ? 'no such host' : 'Temporary failure in name resolution'}`;
  }
  const text = SYSCALL_TEXT[code];
  const to = hostPort(host, port);
  if (!connected)
    return text === undefined ? `dial tcp ${to}: ${messageOf(error)}` : `dial tcp ${to}: connect: ${text}`;
  if (code === 'ECONNRESET' && syscall === '') return 'EOF'; // Node's "socket hang up": the server closed before it answered
  return text === undefined ? messageOf(error) : `read tcp ${to}: read: ${text}`;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
