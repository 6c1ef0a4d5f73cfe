/** Whether strategy Recreate was kept, told from a watch of pods. */
import assert from 'node:assert/strict';
import type { Kubectl } from './kubectl.ts';
import type { RunningCommand } from './command.ts';

/** Watches the pods with a label; begins once it has shown the `count` that are there. */
export async function watchPods(kubectl: Kubectl, selector: string, count: number): Promise<RunningCommand> {
  const line = 'jsonpath={.type} {.object.metadata.uid} {.object.status.phase}{"\\n"}';
  const watch = kubectl.start('get', 'pods', '-l', selector, '--watch', '--output-watch-events', '-o', line);
  await watch.until((text) => text.split('\n').length > count);
  return watch;
}

/** Fails unless every one of the `old` pods had ended, or was gone, before the first other one was made. Source: oldPodsRunning (recreate.go). */
export function assertRecreated(text: string, old: readonly string[]): void {
  const running = new Set(old);
  for (const [type, uid = '', phase = ''] of text.split('\n').map((line) => line.split(' '))) {
    if (type === 'ADDED' && !old.includes(uid)) {
      assert.deepEqual([...running], [], `still running when ${uid} was made:\n${text}`);
      return;
    }
    if (type === 'DELETED' || phase === 'Succeeded' || phase === 'Failed') running.delete(uid);
  }
  assert.fail(`no new pod was made:\n${text}`);
}
