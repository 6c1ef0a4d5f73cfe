import { header, labelText, sample } from '#util';
import type { Workqueue } from './workqueue.ts';

/** Source of names: client-go util/workqueue/metrics.go and component-base metrics/prometheus/workqueue v1.36. */
export function workqueueLines(queues: readonly { readonly name: string; readonly queue: Workqueue }[]): string[] {
  const labelled = queues.map(({ name, queue }) => ({ labels: labelText({ name }), queue, ...queue.unfinished() }));
  type Labelled = (typeof labelled)[number];
  const numbers = (name: string, type: 'counter' | 'gauge', help: string, read: (of: Labelled) => number): string[] => [
    ...header(`workqueue_${name}`, type, `[BETA] ${help}`),
    ...labelled.map((of) => sample(`workqueue_${name}`, of.labels, read(of))),
  ];
  const times = (name: string, help: string, key: 'queueSeconds' | 'workSeconds'): string[] => [
    ...header(`workqueue_${name}`, 'histogram', `[BETA] ${help}`),
    ...labelled.flatMap(({ labels, queue }) => queue[key].lines(`workqueue_${name}`, labels)),
  ];
  return [
    ...numbers('adds_total', 'counter', 'Keys that came to need work.', ({ queue }) => queue.adds),
    ...numbers('depth', 'gauge', 'Keys that wait for work.', ({ queue }) => queue.depth),
    ...numbers('longest_running_processor_seconds', 'gauge', 'The longest work under way.', ({ longest }) => longest),
    ...times('queue_duration_seconds', 'How long keys waited for work.', 'queueSeconds'),
    ...numbers('retries_total', 'counter', 'Keys whose work was put off.', ({ queue }) => queue.retries),
    ...numbers('unfinished_work_seconds', 'gauge', 'Work under way, in all.', ({ total }) => total),
    ...times('work_duration_seconds', 'How long work took.', 'workSeconds'),
  ];
}
