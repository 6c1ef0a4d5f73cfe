import type { Readable, Writable } from 'node:stream';

/** What a command reads and writes; given by `cmd/` and by tests. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether output goes to a terminal, and input comes from one. */
  readonly tty: { readonly out: boolean; readonly in: boolean };
  /** The standard streams themselves, for commands that pass bytes on. */
  readonly streams: {
    readonly in: Readable & { setRawMode?(mode: boolean): unknown };
    readonly out: Writable & { readonly columns?: number; readonly rows?: number };
    readonly err: Writable;
  };
  readonly version: string;
  readonly program: ProgramPaths;
  readonly signal: AbortSignal;
}

/** Where the program itself is, for the processes a cluster starts. */
export interface ProgramPaths {
  /** Node's binary. */
  readonly node: string;
  readonly nodeFlags: { readonly controlPlane: readonly string[]; readonly agent: readonly string[] };
  /** File that takes `control-plane DIRECTORY` and `agent CONFIG` as arguments. */
  readonly entry: string;
  /** Directories nodes must see. */
  readonly directories: readonly string[];
}

export interface Command {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly help: string;
  /** It sees to `--help` itself. */
  readonly ownHelp?: boolean;
  /** Resolves with the exit code. */
  run(argv: readonly string[], io: Io): Promise<number>;
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Text columns, the last one unpadded, as kubectl prints them. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows
    .map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]! + 3))).join('')}\n`)
    .join('');
}

export const formatMs = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

export const formatBytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
