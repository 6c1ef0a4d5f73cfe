import type { Clock } from '#util';

/** What `up` and `down` are doing. Each `start` is followed by one other event of the same step. */
export interface ProgressEvent {
  /** As `certificates` or `node node1`. */
  readonly step: string;
  readonly state: 'start' | 'done' | 'skip' | 'fail';
  /** Since the step's start; 0 for `start`. */
  readonly ms: number;
}

export type Progress = (event: ProgressEvent) => void;

/** Runs one step and tells of it. `work` returns false when there was nothing to do. */
export async function step(
  name: string,
  clock: Clock,
  progress: Progress,
  work: () => Promise<boolean>,
): Promise<void> {
  const began = clock.monotonic();
  const ms = (): number => clock.monotonic() - began;
  progress({ step: name, state: 'start', ms: 0 });
  try {
    const changed = await work();
    progress({ step: name, state: changed ? 'done' : 'skip', ms: ms() });
  } catch (error) {
    progress({ step: name, state: 'fail', ms: ms() });
    throw error;
  }
}
