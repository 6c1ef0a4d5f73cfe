import type { Node, Pod } from '#api';
import { NodeInfo, type PodInfo, podInfo } from './nodeinfo.ts';

/**
 * Nodes and what runs on them, as the scheduler believes: the API's state plus pods it has placed but not yet seen placed (assumed).
 * Source of the idea: pkg/scheduler/backend/cache v1.36.
 */
export class SchedulerCache {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Pod uid → node it is counted on. */
  readonly #placed = new Map<string, string>();
  /** Pods of nodes that are not known yet, or no more. */
  readonly #homeless = new Map<string, Map<string, PodInfo>>();

  nodes(): NodeInfo[] {
    return [...this.#nodes.values()];
  }

  setNode(node: Node): void {
    const { name } = node.metadata;
    const known = this.#nodes.get(name);
    if (known !== undefined) return known.update(node);
    const info = new NodeInfo(node);
    for (const pod of this.#homeless.get(name)?.values() ?? []) info.add(pod);
    this.#homeless.delete(name);
    this.#nodes.set(name, info);
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (info === undefined) return;
    this.#nodes.delete(name);
    if (info.pods.size > 0) this.#homeless.set(name, new Map(info.pods));
  }

  /** Counts a pod on the node it names; it may have been assumed there or elsewhere before. */
  setPod(pod: Pod, info = podInfo(pod)): void {
    const { uid } = pod.metadata;
    const nodeName = pod.spec.nodeName ?? '';
    if (this.#placed.get(uid) !== nodeName) this.removePod(uid);
    this.#placed.set(uid, nodeName);
    const node = this.#nodes.get(nodeName);
    if (node !== undefined) return node.add(info);
    const waiting = this.#homeless.get(nodeName) ?? new Map<string, PodInfo>();
    this.#homeless.set(nodeName, waiting.set(uid, info));
  }

  removePod(uid: string): void {
    const nodeName = this.#placed.get(uid);
    if (nodeName === undefined) return;
    this.#placed.delete(uid);
    this.#nodes.get(nodeName)?.remove(uid);
    this.#homeless.get(nodeName)?.delete(uid);
    if (this.#homeless.get(nodeName)?.size === 0) this.#homeless.delete(nodeName);
  }

  isPlaced(uid: string): boolean {
    return this.#placed.has(uid);
  }
}
