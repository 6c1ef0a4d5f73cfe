import type { FieldError } from '../../field-error.ts';
import { child, index } from '../../field-error.ts';
import type { Container, EphemeralContainer, PodSpec } from '../../generated/core.v1.ts';

/** Errors of every container of a pod, whatever its list, in upstream's order. Source: VisitContainersWithPath in pkg/apis/core/pods v1.36. */
export const visitContainers = (
  spec: PodSpec,
  path: string,
  validate: (container: Container | EphemeralContainer, path: string) => FieldError[],
): FieldError[] =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap((container, i) => validate(container, index(child(path, list), i))),
  );
