/** Options as crictl takes them, which is Go's way: `-o json`, `--output=json`, `-output json`, `-it` for `-i -t`, `--all=false`. */
import { UsageError } from '../command.ts';

type FlagKind = 'bool' | 'string' | 'strings' | 'int' | 'duration';

export interface Flag<Kind extends FlagKind = FlagKind> {
  readonly kind: Kind;
  readonly usage: string;
  readonly short: string | undefined;
}

/** By the long name. */
export type Flags = Readonly<Record<string, Flag>>;

type Value<F> =
  F extends Flag<'bool'>
    ? boolean
    : F extends Flag<'strings'>
      ? readonly string[]
      : F extends Flag<'string'>
        ? string | undefined
        : number | undefined;

/** What was given: `undefined` for what was not, false for a switch, nothing for a list. Durations are in milliseconds. */
export type Values<F extends Flags> = { readonly [Name in keyof F]: Value<F[Name]> };

const maker =
  <Kind extends FlagKind>(kind: Kind) =>
  (usage: string, short?: string): Flag<Kind> => ({ kind, usage, short });

export const bool = maker('bool');
export const string = maker('string');
/** May be given several times. */
export const strings = maker('strings');
export const int = maker('int');
/** As Go writes durations: `1m30s`. */
export const duration = maker('duration');

interface ParseOptions {
  /** What follows the first argument is not ours, whatever it looks like. */
  readonly stopAtArgument?: boolean;
}

export interface Parsed<F extends Flags> {
  readonly values: Values<F>;
  readonly args: readonly string[];
  /** `--help` or `-h` was among the options. */
  readonly help: boolean;
}

export function parseFlags<F extends Flags>(
  flags: F,
  argv: readonly string[],
  { stopAtArgument = false }: ParseOptions = {},
): Parsed<F> {
  const values: Record<string, unknown> = {};
  for (const [name, { kind }] of Object.entries(flags)) {
    if (kind === 'bool') values[name] = false;
    if (kind === 'strings') values[name] = [];
  }
  const args: string[] = [];
  let help = false;
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      args.push(...rest);
      break;
    }
    if (word === '-' || !word.startsWith('-')) {
      args.push(word);
      if (!stopAtArgument) continue;
      args.push(...rest);
      break;
    }
    const [written = '', given] = word.split(/=(.*)/s);
    const name = nameOf(flags, written.replace(/^--?/, ''));
    const flag = name === undefined ? undefined : flags[name];
    if (name !== undefined && flag !== undefined) {
      set(values, name, flag, written, flag.kind === 'bool' ? (given ?? 'true') : (given ?? rest.shift()));
    } else if (written === '--help' || written === '-h' || written === '-help') {
      help = true;
    } else {
      const letters = combined(flags, word);
      if (letters === undefined) throw new UsageError(`flag provided but not defined: ${written.replace(/^--/, '-')}`);
      rest.unshift(...letters);
    }
  }
  return { values: values as Values<F>, args, help };
}

function nameOf(flags: Flags, written: string): string | undefined {
  if (Object.hasOwn(flags, written)) return written;
  return Object.keys(flags).find((name) => flags[name]?.short === written);
}

/** `-it` as `-i`, `-t`; undefined when it is no such thing. */
function combined(flags: Flags, word: string): string[] | undefined {
  if (!/^-\w{2,}$/.test(word)) return undefined;
  const letters = word.slice(1).split('');
  return letters.every((letter) => nameOf(flags, letter) !== undefined) ? letters.map((l) => `-${l}`) : undefined;
}

function set(
  values: Record<string, unknown>,
  name: string,
  flag: Flag,
  written: string,
  text: string | undefined,
): void {
  if (text === undefined) throw new UsageError(`flag needs an argument: ${written}`);
  const invalid = (why: string): UsageError =>
    new UsageError(`invalid value ${JSON.stringify(text)} for flag ${written}: ${why}`);
  switch (flag.kind) {
    case 'bool':
      if (!/^(true|false|1|0|t|f|T|F|TRUE|FALSE|True|False)$/.test(text)) throw invalid('true or false');
      values[name] = /^[1tT]/.test(text);
      break;
    case 'string':
      values[name] = text;
      break;
    case 'strings':
      values[name] = [...(values[name] as readonly string[]), ...text.split(',')];
      break;
    case 'int':
      if (!/^[+-]?\d{1,15}$/.test(text)) throw invalid('a whole number is wanted');
      values[name] = Number(text);
      break;
    case 'duration': {
      const ms = durationMs(text);
      if (ms === undefined) throw invalid('a duration such as 10s or 1m30s is wanted');
      values[name] = ms;
    }
  }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's time.ParseDuration, in milliseconds. */
export function durationMs(text: string): number | undefined {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return text === '0' ? 0 : undefined;
  let ms = 0;
  for (const [, count, unit] of (match[2] ?? '').matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g))
    ms += Number(count) * (UNIT_MS[unit ?? ''] ?? 0);
  return match[1] === '-' ? -ms : ms;
}

/** The options of a verb, a line each, for its help. */
export function describeFlags(flags: Flags): string {
  const all: Flags = { ...flags, help: bool('Show help', 'h') };
  const lines = Object.entries(all)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { kind, short, usage }]) => {
      const value = kind === 'bool' ? '' : ' value';
      return [`--${name}${value}${short === undefined ? '' : `, -${short}${value}`}`, usage] as const;
    });
  const width = Math.max(...lines.map(([left]) => left.length)) + 2;
  return lines.map(([left, usage]) => `  ${left.padEnd(width)}${usage}\n`).join('');
}
