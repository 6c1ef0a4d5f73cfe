/** The scale of custom resources. Source: apiextensions-apiserver pkg/registry/customresource/{etcd,validator}.go v0.36. */
import { deepClone, type FieldError, invalid, type KubeObject, type ScaleAccess, StatusError } from '#api';
import { nestedInteger, nestedString, setNested, splitPath } from './nested.ts';

/** As definitions say it. */
export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string | undefined;
}

const MAX_INT32 = 2 ** 31 - 1;

/** Reads with upstream's answer where the value is of another type: nobody's fault but the object's. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new StatusError('', (error as Error).message, { cause: error });
  }
}

export function customScale(paths: ScalePaths): ScaleAccess<KubeObject> {
  const spec = splitPath(paths.specReplicasPath);
  const status = splitPath(paths.statusReplicasPath);
  const selector = (paths.labelSelectorPath ?? '') === '' ? undefined : splitPath(paths.labelSelectorPath!);
  return {
    replicasPath: spec.join('.'),
    optionalReplicas: {
      path: paths.specReplicasPath,
      has: (object) => reading(() => nestedInteger(object, spec)) !== undefined,
    },
    specReplicas: (object) => reading(() => nestedInteger(object, spec)) ?? 0,
    statusReplicas: (object) => reading(() => nestedInteger(object, status)) ?? 0,
    selector: (object) => (selector === undefined ? '' : (reading(() => nestedString(object, selector)) ?? '')),
    withReplicas(object, replicas) {
      const next = deepClone(object);
      reading(() => setNested(next, spec, replicas));
      return next;
    },
  };
}

export const validateScaleSpec = (object: object, { specReplicasPath }: ScalePaths): FieldError[] =>
  validateReplicas(object, specReplicasPath);

export function validateScaleStatus(
  object: object,
  { statusReplicasPath, labelSelectorPath }: ScalePaths,
): FieldError[] {
  const errors = validateReplicas(object, statusReplicasPath);
  if (labelSelectorPath !== undefined) {
    try {
      nestedString(object, splitPath(labelSelectorPath));
    } catch (error) {
      errors.push(invalid(labelSelectorPath, '', (error as Error).message));
    }
  }
  return errors;
}

function validateReplicas(object: object, path: string): FieldError[] {
  let replicas: number;
  try {
    replicas = nestedInteger(object, splitPath(path)) ?? 0;
  } catch (error) {
    return [invalid(path, 0, (error as Error).message)];
  }
  if (replicas < 0) return [invalid(path, replicas, 'should be a non-negative integer')];
  if (replicas > MAX_INT32) return [invalid(path, replicas, `should be less than or equal to ${MAX_INT32}`)];
  return [];
}
