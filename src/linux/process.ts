import { readFile, readlink } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { type Clock, sleep } from '#util';
import { errorCode } from './errno.ts';

/** What makes a process itself: its pid may be given to another one after its death, or after a reboot. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot. */
  readonly startTime: number;
  readonly bootId: string;
}

export interface ProcessStat {
  readonly pid: number;
  readonly command: string;
  /** `Z` is a process that ended and was not yet waited for. */
  readonly state: string;
  readonly parentPid: number;
  /** Clock ticks after boot. */
  readonly startTime: number;
}

export interface ProcessMemory {
  readonly rssBytes: number;
  /** Proportional set size: shared pages divided by the number of sharers. Absent when the kernel does not tell. */
  readonly pssBytes?: number;
}

function isGone(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ESRCH';
}

function parseStat(text: string): ProcessStat {
  // The command stands in parentheses and may itself hold spaces and parentheses.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  return {
    pid: Number(text.slice(0, open)),
    command: text.slice(open + 1, close),
    state: fields[0] ?? '',
    parentPid: Number(fields[1]),
    startTime: Number(fields[19]),
  };
}

/** proc_pid_stat(5). Undefined: there is no such process. */
export async function readProcessStat(pid: number): Promise<ProcessStat | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

let bootId: string | undefined;

function readBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return bootId;
}

/** The identity of a running process. Undefined: there is none with this pid. */
export async function processIdentity(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readProcessStat(pid);
  return stat && { pid, startTime: stat.startTime, bootId: readBootId() };
}

/** Whether this very process still runs; one that only waits to be reaped does not. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  if (identity.bootId !== readBootId()) return false;
  const stat = await readProcessStat(identity.pid);
  return stat !== undefined && stat.startTime === identity.startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** Signals this very process. Returns whether it was there. */
export async function killProcess(identity: ProcessIdentity, signalName: NodeJS.Signals): Promise<boolean> {
  if (!(await isAlive(identity))) return false;
  try {
    process.kill(identity.pid, signalName);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Waits until the process has ended; returns false if it has not after `timeoutMs`. */
export async function waitForExit(
  identity: ProcessIdentity,
  { clock, timeoutMs, signal }: { clock: Clock; timeoutMs: number; signal?: AbortSignal },
): Promise<boolean> {
  const end = clock.monotonic() + timeoutMs;
  // No event tells of the death of a process that is not a child, short of a pidfd, which Node has not.
  while (await isAlive(identity)) {
    if (clock.monotonic() >= end) return false;
    await sleep(clock, 10, { ...(signal && { signal }) });
  }
  return true;
}

/** Undefined: the process is gone or has no memory of its own. */
export async function processMemory(pid: number): Promise<ProcessMemory | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const rss = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    if (rss === undefined) return undefined;
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    const pss = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
    return { rssBytes: Number(rss) * 1024, ...(pss !== undefined && { pssBytes: Number(pss) * 1024 }) };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Pid of a process in its own pid namespace (the innermost). Undefined: gone. */
export async function innerPid(pid: number): Promise<number | undefined> {
  try {
    const line = /^NSpid:\s+(.*)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    return line === undefined ? pid : Number(line.split(/\s+/).at(-1));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Identifies a namespace of a process, as `pid:[4026531836]`. Undefined: the process is gone. */
export async function namespaceOf(pid: number, kind: 'pid' | 'net' | 'mnt'): Promise<string | undefined> {
  try {
    return await readlink(`/proc/${pid}/ns/${kind}`);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
