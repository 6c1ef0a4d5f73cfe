import {
  type ApplyOptions,
  type Configuration,
  conflict,
  type FieldManager,
  type Kind,
  type KubeObject,
  strictError,
} from '#api';

/** One apply: a configuration, whose it is, and how strictly it was read. */
export interface Apply {
  readonly configuration: Configuration;
  readonly manager: string;
  /** Takes fields from others instead of failing. */
  readonly force: boolean;
  readonly fieldValidation: string;
  readonly warn: (text: string) => void;
  /** As of ApplyOptions. */
  readonly pause?: ApplyOptions['pause'];
}

/**
 * The object that an apply makes of the one there is, or of none. Throws StatusError. That a key stands twice is only looked at when all else is
 * well. Source: applyPatcher of apiserver pkg/endpoints/handlers/patch.go v1.36.
 */
export async function applied(
  fields: FieldManager,
  live: KubeObject | undefined,
  { configuration, manager, force, fieldValidation, warn, pause }: Apply,
): Promise<KubeObject> {
  const object = await fields.apply(live, configuration.value, { manager, force, pause });
  if (fieldValidation === 'Ignore') return object;
  const duplicate = configuration.duplicate();
  if (duplicate === undefined) return object;
  if (fieldValidation === 'Strict') throw strictError(duplicate);
  for (const text of warningsOf(duplicate)) warn(text);
  return object;
}

/** What is created by an apply may name no uid. */
export function checkUnknownUid(kind: Kind, name: string, object: KubeObject): void {
  const metadata: Partial<KubeObject['metadata']> = object.metadata;
  const { uid = '' } = metadata;
  if (uid !== '')
    throw conflict(
      kind,
      name,
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
}

/** A line of the YAML reader is a warning of its own. Source: parseYAMLWarnings, apiserver pkg/endpoints/handlers/rest.go v1.36. */
function warningsOf(text: string): string[] {
  const lines = /^(?:error converting YAML to JSON: )?yaml: unmarshal errors:\n([^]*)$/.exec(text)?.[1];
  return lines === undefined ? [text] : lines.split('\n').map((line) => line.trim());
}
