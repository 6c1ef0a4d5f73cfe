/** What one probe found out; `error` is when it could not be carried out at all. */
export type ProbeResult =
  | { readonly result: 'success' | 'warning' | 'failure'; readonly output: string }
  | { readonly result: 'unknown'; readonly error: string };

export type ProbeType = 'Liveness' | 'Readiness' | 'Startup';

export const success = (output = ''): ProbeResult => ({ result: 'success', output });
export const failure = (output: string): ProbeResult => ({ result: 'failure', output });
