import type { Progress } from '#cluster';
import { formatMs, type Io } from './command.ts';

const MARKS = { done: '✓', skip: '·', fail: '✗' } as const;

/** Prints each step when it ends: what was done, what was already so, what failed. */
export const printProgress =
  (io: Io): Progress =>
  ({ step, state, ms }) => {
    if (state === 'start') return;
    const note = state === 'skip' ? 'nothing to do' : formatMs(ms);
    // What follows `node` is a name.
    const words = step.startsWith('node ') ? step : step.replaceAll('-', ' ');
    io.out(` ${MARKS[state]} ${words.padEnd(22)} ${note}\n`);
  };
