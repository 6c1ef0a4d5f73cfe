import { MAX_SCORE, type ScorePlugin } from '../framework.ts';

/** What is saved below the first is not worth a preference; more than the second, per container, changes nothing. Source: plugins/imagelocality v1.36. */
const MIN_BYTES = 23 * 1024 * 1024;
const MAX_BYTES_PER_CONTAINER = 1000 * 1024 * 1024;

/**
 * Nodes that have the pod's images already are better, the larger the images are; the less so the fewer nodes have them, so that not all pods of
 * an image end up on the first node that pulled it.
 */
export const imageLocality: ScorePlugin = {
  name: 'ImageLocality',
  weight: 1,
  score({ pod }, nodes, cluster) {
    const { containers, initContainers = [], volumes = [] } = pod.spec;
    const images = [...initContainers, ...containers].map(({ image }) => withTag(image ?? ''));
    for (const { image } of volumes) if (image !== undefined) images.push(withTag(image.reference ?? ''));
    const known = images
      .map((name) => ({ name, share: cluster.nodesWithImage(name) / cluster.nodes.length }))
      .filter(({ share }) => share > 0);
    if (known.length === 0) return undefined; // the same for all nodes: nothing
    const max = MAX_BYTES_PER_CONTAINER * (containers.length + initContainers.length);
    return nodes.map((node) => {
      let sum = 0;
      for (const { name, share } of known) sum += Math.floor((node.images.get(name) ?? 0) * share);
      const saved = Math.min(Math.max(sum, MIN_BYTES), max);
      return Math.floor((MAX_SCORE * (saved - MIN_BYTES)) / (max - MIN_BYTES));
    });
  },
};

const withTag = (name: string): string => (name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name);
