import type { ConfigMap, Container, EnvVarSource, Pod, Secret } from '#api';
import { expand } from './expansion.ts';
import { fieldValue, type NodeFacts, resourceValue } from './fields.ts';

/** Objects of the pod's namespace; each throws when the object is not there. */
export interface ReferencedObjects {
  configMap(name: string): ConfigMap;
  secret(name: string): Secret;
}

/** Says that an object is not there, which a reference marked optional forgives. */
export class ObjectNotFound extends Error {
  override readonly name = 'ObjectNotFound';

  constructor(kind: 'configmap' | 'secret', name: string) {
    super(`${kind} ${JSON.stringify(name)} not found`);
  }
}

export interface EnvContext {
  readonly facts: NodeFacts;
  readonly objects: ReferencedObjects;
  readonly services: ReadonlyMap<string, string>;
}

/** The object, or undefined when it is missing and may be. */
export function optionally<T>(optional: boolean | undefined, get: () => T): T | undefined {
  try {
    return get();
  } catch (error) {
    if (optional === true && error instanceof ObjectNotFound) return undefined;
    throw error;
  }
}

const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

function fromSources(container: Container, objects: ReferencedObjects, into: Map<string, string>): void {
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef !== undefined) {
      const data = optionally(configMapRef.optional, () => objects.configMap(configMapRef.name ?? ''))?.data;
      for (const [key, value] of Object.entries(data ?? {})) into.set(prefix + key, value);
    } else if (secretRef !== undefined) {
      const data = optionally(secretRef.optional, () => objects.secret(secretRef.name ?? ''))?.data;
      for (const [key, value] of Object.entries(data ?? {})) into.set(prefix + key, decoded(value));
    }
  }
}

/** Undefined: the variable is left out, its source being optional and absent. */
function sourceValue(
  pod: Pod,
  container: Container,
  source: EnvVarSource,
  { facts, objects }: EnvContext,
): string | undefined {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = source;
  if (fieldRef !== undefined) return fieldValue(pod, fieldRef, facts);
  if (resourceFieldRef !== undefined) return resourceValue(pod, container, resourceFieldRef, facts);
  const reference = configMapKeyRef ?? secretKeyRef;
  if (reference === undefined) return '';
  const { name = '', key, optional } = reference;
  const object = optionally(optional, () =>
    configMapKeyRef === undefined ? objects.secret(name) : objects.configMap(name),
  );
  if (object === undefined) return undefined;
  const value = object.data?.[key];
  if (value === undefined) {
    if (optional === true) return undefined;
    const kind = configMapKeyRef === undefined ? 'Secret' : 'ConfigMap';
    throw new Error(`couldn't find key ${key} in ${kind} ${pod.metadata.namespace}/${name}`);
  }
  return configMapKeyRef === undefined ? decoded(value) : value;
}

/**
 * The environment of a container: `envFrom`, then `env` (which may refer to what stands before it and to services), then the services.
 * Throws with upstream's message when something it needs is missing. Source: makeEnvironmentVariables (kubelet_pods.go v1.36).
 */
export function containerEnvironment(pod: Pod, container: Container, context: EnvContext): ReadonlyMap<string, string> {
  const own = new Map<string, string>();
  fromSources(container, context.objects, own);
  for (const { name, value = '', valueFrom } of container.env ?? []) {
    const result =
      value !== '' || valueFrom === undefined
        ? expand(value, (variable) => own.get(variable) ?? context.services.get(variable))
        : sourceValue(pod, container, valueFrom, context);
    if (result !== undefined) own.set(name, result);
  }
  for (const [name, value] of context.services) if (!own.has(name)) own.set(name, value);
  return own;
}

/** Names of the objects that a container's environment needs. */
export function environmentReferences(container: Container): { configMaps: Set<string>; secrets: Set<string> } {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef?.name !== undefined) configMaps.add(configMapRef.name);
    if (secretRef?.name !== undefined) secrets.add(secretRef.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name !== undefined) configMaps.add(valueFrom.configMapKeyRef.name);
    if (valueFrom?.secretKeyRef?.name !== undefined) secrets.add(valueFrom.secretKeyRef.name);
  }
  return { configMaps, secrets };
}
