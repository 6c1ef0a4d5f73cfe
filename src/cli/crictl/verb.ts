/** What every verb of crictl is and gets. */
import {
  type CallOptions,
  CriError,
  type ImageService,
  isNotFound,
  type RuntimeService,
  type TasksService,
} from '#cri';
import { type Clock, messageOf } from '#util';
import type { Io } from '../command.ts';
import { type Flags, parseFlags, type Values } from './flags.ts';

export interface Context {
  readonly io: Io;
  readonly runtime: RuntimeService;
  readonly image: ImageService;
  readonly tasks: TasksService;
  readonly clock: Clock;
  /** For questions: those that are not answered within the time the user gave fail. What changes something may take its time. */
  readonly query: CallOptions;
  /** For the rest; aborted when the user interrupts. */
  readonly call: CallOptions & { readonly signal: AbortSignal };
  /** A directory for FIFOs, which the runtime must see under the same path. */
  readonly fifoDirectory: string;
}

export interface Verb {
  readonly name: string;
  readonly aliases: readonly string[];
  /** What it takes besides options. */
  readonly args: string;
  readonly summary: string;
  readonly flags: Flags;
  /** Rejects with what went wrong. Returns false, having done nothing, when help is asked for. */
  run(context: () => Context, argv: readonly string[]): Promise<boolean>;
}

interface Definition<F extends Flags> {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly args?: string;
  readonly summary: string;
  readonly flags: F;
  /** What follows the first argument is another program's. */
  readonly stopAtArgument?: boolean;
  run(context: Context, values: Values<F>, args: readonly string[]): Promise<void>;
}

export function defineVerb<F extends Flags>(definition: Definition<F>): Verb {
  const { name, aliases = [], args = '', summary, flags, stopAtArgument = false } = definition;
  const run: Verb['run'] = async (context, argv) => {
    const parsed = parseFlags(flags, argv, { stopAtArgument });
    if (!parsed.help) await definition.run(context(), parsed.values, parsed.args);
    return !parsed.help;
  };
  return { name, aliases, args, summary, flags, run };
}

/** Puts what was being done in front of the message of what `work` rejects with. */
export async function during<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** Does it for each, side by side; when some fail the others are done nevertheless, and all the failures told. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(items.map(work));
  const failures: unknown[] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(messageOf).join('\n'));
}

/** The error of the runtime behind what went wrong. */
export function criErrorOf(error: unknown): CriError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof CriError) return at;
  return undefined;
}

/** `undefined` for what the runtime does not find. */
export async function ifFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

export const quote = (text: string): string => JSON.stringify(text);
