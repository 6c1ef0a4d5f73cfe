import { createHash } from 'node:crypto';
import type { Container } from '#api';

/**
 * Changes when a running container must be replaced: by its name or its image, nothing else can change in place. Source: HashContainer
 * (pkg/kubelet/container/helpers.go v1.31 and later hash `{name, image}`; the algorithm is ours, the annotation is read by nobody else).
 */
export function containerHash({ name, image = '' }: Container): string {
  return createHash('sha256').update(JSON.stringify({ name, image })).digest('hex').slice(0, 8);
}
