import { PassThrough } from 'node:stream';
import type { Io } from '../command.ts';

export interface RecordedIo extends Io {
  /** All that was printed so far. */
  readonly printed: { out: string; err: string };
}

/** Records what a command prints. It knows of no environment and of no terminal. */
export function recordedIo(env: Record<string, string> = {}): RecordedIo {
  const printed = { out: '', err: '' };
  const recorder = (to: 'out' | 'err'): PassThrough =>
    new PassThrough().on('data', (text) => void (printed[to] += text));
  return {
    printed,
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
    env,
    tty: { out: false, in: false },
    streams: { in: new PassThrough(), out: recorder('out'), err: recorder('err') },
    version: 'v1.36.3',
    program: {
      node: '/opt/node',
      nodeFlags: { controlPlane: ['--control-plane-flag'], agent: ['--agent-flag'] },
      entry: '/opt/main.js',
      directories: [],
    },
    signal: new AbortController().signal,
  };
}
