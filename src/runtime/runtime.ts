/**
 * What controllers run on: work queue, sources, expectations, the manager that starts and stops them. Knows the shape of controllers,
 * nothing of any of them. One key is never reconciled twice at the same time.
 */
export type * from './types.ts';
export { Workqueue } from './workqueue.ts';
export { Expectations } from './expectations.ts';
export { slowStartBatch } from './slow-start.ts';
export { controllerKey, mapped, owned, primary } from './sources.ts';
export { type Manager, runControllers } from './manager.ts';
