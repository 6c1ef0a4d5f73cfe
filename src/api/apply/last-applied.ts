/**
 * From client-side apply to server-side apply: what `kubectl apply` noted in its annotation it may take over without force, and the annotation
 * is kept up to date for those who still use it. Source: apimachinery pkg/util/managedfields/internal/lastapplied*.go v0.36.
 */
import type { KubeObject } from '../kind.ts';
import { difference, EMPTY_SET, type FieldSet } from './fieldpath/set.ts';
import { goJson } from './fieldpath/text.ts';
import { compare } from './typed/compare.ts';
import { TypedError } from './typed/item.ts';
import { toFieldSet } from './typed/to-set.ts';
import { isMap, type JsonObject } from './typed/type.ts';
import { typeErrors } from './typed/validate.ts';
import type { Typed } from './updater.ts';

export const LAST_APPLIED_ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration';
/** The manager that takes over from client-side apply; others opt out by another name. */
export const KUBECTL = 'kubectl';
/** Source: validation.TotalAnnotationSizeLimitB v0.36. */
const MAX_ANNOTATIONS_BYTES = 256 * 1024;

/** The fields client-side apply owns: those it set and that still are as it set them. None when there is no annotation that can be read. */
export function lastAppliedSet(live: Typed): FieldSet {
  const config = lastApplied(live.value);
  if (config === undefined || config['apiVersion'] !== live.apiVersion) return EMPTY_SET;
  if (typeErrors(live.type, config) !== '') return EMPTY_SET;
  try {
    const { modified, added, removed } = compare(live.type, config, live.value);
    return [modified, added, removed].reduce(difference, toFieldSet(live.type, config));
  } catch (error) {
    if (error instanceof TypedError) return EMPTY_SET;
    throw error;
  }
}

function lastApplied({ metadata }: JsonObject): JsonObject | undefined {
  const annotations = isMap(metadata) ? metadata['annotations'] : undefined;
  const text = isMap(annotations) ? annotations[LAST_APPLIED_ANNOTATION] : undefined;
  if (typeof text !== 'string' || text === '') return undefined;
  try {
    const config: unknown = JSON.parse(text);
    return isMap(config) ? config : undefined;
  } catch {
    return undefined; // anybody can write annotations: one that is no JSON gives no rights
  }
}

/** Notes the configuration in the annotation, if the object has one. Changes `object`. */
export function updateLastApplied(object: KubeObject, config: JsonObject): void {
  const { annotations } = object.metadata;
  if ((annotations?.[LAST_APPLIED_ANNOTATION] ?? '') === '') return;
  const next = { ...annotations, [LAST_APPLIED_ANNOTATION]: `${goJson(withoutAnnotation(config))}\n` };
  let bytes = 0;
  for (const [name, value] of Object.entries(next)) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  if (bytes > MAX_ANNOTATIONS_BYTES) Reflect.deleteProperty(next, LAST_APPLIED_ANNOTATION);
  object.metadata.annotations = next;
}

function withoutAnnotation(config: JsonObject): JsonObject {
  const { metadata } = config;
  if (!isMap(metadata) || !isMap(metadata['annotations'])) return config;
  const { [LAST_APPLIED_ANNOTATION]: _gone, ...annotations } = metadata['annotations'];
  return { ...config, metadata: { ...metadata, annotations } };
}
