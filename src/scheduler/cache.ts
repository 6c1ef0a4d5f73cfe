import type { Node, Pod } from '#api';
import { NodeInfo, type PodInfo, podInfo } from './nodeinfo.ts';

/**
 * Nodes and what runs on them, as the scheduler believes: what the API shows, and pods it has placed whose binding the API does not show yet
 * (assumed). Each pod counts on one node at most. Source of the idea: pkg/scheduler/backend/cache v1.36.
 */
export class SchedulerCache {
  readonly #nodes = new Map<string, NodeInfo>();
  /** The same, as a list; made again when nodes come or go. */
  #list: readonly NodeInfo[] | undefined;
  /** Pod uid → node it counts on. */
  readonly #placed = new Map<string, string>();
  readonly #assumed = new Set<string>();
  /** Pods of nodes that are not known yet, or no more. */
  readonly #homeless = new Map<string, Map<string, PodInfo>>();
  /** Image name → number of nodes that have it. */
  readonly #images = new Map<string, number>();

  get nodes(): readonly NodeInfo[] {
    return (this.#list ??= [...this.#nodes.values()]);
  }

  nodesWithImage(name: string): number {
    return this.#images.get(name) ?? 0;
  }

  setNode(node: Node): void {
    const { name } = node.metadata;
    const known = this.#nodes.get(name);
    if (known !== undefined) {
      // Nodes are written often, for their conditions; their images seldom change.
      const before = known.images;
      known.update(node);
      this.#countImages(before, -1);
      this.#countImages(known.images, 1);
      return;
    }
    const info = new NodeInfo(node);
    for (const pod of this.#homeless.get(name)?.values() ?? []) info.add(pod);
    this.#homeless.delete(name);
    this.#nodes.set(name, info);
    this.#list = undefined;
    this.#countImages(info.images, 1);
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (info === undefined) return;
    this.#nodes.delete(name);
    this.#list = undefined;
    this.#countImages(info.images, -1);
    if (info.pods.size > 0) this.#homeless.set(name, new Map(info.pods));
  }

  /** Counts a pod on the node the API says it is on, wherever it was assumed before. */
  setPod(pod: Pod): void {
    this.#assumed.delete(pod.metadata.uid);
    this.#place(pod.metadata.uid, pod.spec.nodeName ?? '', podInfo(pod));
  }

  /** Takes over the new state of a pod whose spec, labels and deletion did not change. Keeps it on its node. */
  refreshPod(pod: Pod): void {
    this.#nodes.get(this.#placed.get(pod.metadata.uid) ?? '')?.refresh(pod);
  }

  /** Counts a pod on a node before the API says so. One that the API has on a node already stays there. */
  assume(info: PodInfo, nodeName: string): void {
    const { uid } = info.pod.metadata;
    if (this.#placed.has(uid) && !this.#assumed.has(uid)) return;
    this.#assumed.add(uid);
    this.#place(uid, nodeName, info);
  }

  /** The binding of an assumed pod failed. Says whether that makes room: a pod the API has shown on a node meanwhile stays. */
  forget(uid: string): boolean {
    if (!this.#assumed.has(uid)) return false;
    this.removePod(uid);
    return true;
  }

  removePod(uid: string): void {
    this.#assumed.delete(uid);
    const nodeName = this.#placed.get(uid);
    if (nodeName === undefined) return;
    this.#placed.delete(uid);
    this.#nodes.get(nodeName)?.remove(uid);
    const waiting = this.#homeless.get(nodeName);
    waiting?.delete(uid);
    if (waiting?.size === 0) this.#homeless.delete(nodeName);
  }

  /** Whether it counts on a node, assumed or not. */
  isPlaced(uid: string): boolean {
    return this.#placed.has(uid);
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  #place(uid: string, nodeName: string, info: PodInfo): void {
    const before = this.#placed.get(uid);
    if (before !== undefined && before !== nodeName) {
      const assumed = this.#assumed.has(uid);
      this.removePod(uid);
      if (assumed) this.#assumed.add(uid);
    }
    this.#placed.set(uid, nodeName);
    const node = this.#nodes.get(nodeName);
    if (node !== undefined) return node.add(info);
    const waiting = this.#homeless.get(nodeName) ?? new Map<string, PodInfo>();
    this.#homeless.set(nodeName, waiting.set(uid, info));
  }

  #countImages(images: ReadonlyMap<string, number>, sign: 1 | -1): void {
    for (const name of images.keys()) {
      const count = this.nodesWithImage(name) + sign;
      if (count === 0) this.#images.delete(name);
      else this.#images.set(name, count);
    }
  }
}
