/**
 * What controllers run on: work queue, sources, expectations, the manager that starts and stops them. Knows the shape of controllers,
 * nothing of any of them.
 */
export type * from './types.ts';
