export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log: the message is constant text, everything that varies is a field. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each line. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** Lowest level written. Default `info`. */
  level?: LogLevel;
  /** Receives one line with its newline. */
  write: (line: string) => void;
  now: () => number;
}

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Lines of JSON: `{"time":…,"level":…,"message":…,…fields}`; an Error becomes its stack, with the causes. */
export function newLogger({ level = 'info', write, now }: LoggerOptions, base: LogFields = {}): Logger {
  const at =
    (own: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (ORDER[own] < ORDER[level]) return;
      const line = { time: new Date(now()).toISOString(), level: own, message, ...base, ...fields };
      write(`${JSON.stringify(line, plain)}\n`);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => newLogger({ level, write, now }, { ...base, ...fields }),
  };
}

/** Drops every line; for tests and libraries. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLogger,
};

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return errorText(value);
  if (typeof value === 'bigint') return value.toString();
  return value;
}

/** The stack of an error followed by those of its causes. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}\ncaused by ${errorText(error.cause)}`;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
