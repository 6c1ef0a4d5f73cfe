import { allKinds, CustomResourceDefinition, type Kind, StatusError } from '#api';
import type { Client } from '#client';
import type { StoredObject } from './census.ts';

/** Tries of one write that others come in between of. */
const TRIES = 10;

/**
 * Has the API server write objects anew, by a patch that changes nothing: what is under a key that does not write any more is written all the same.
 * Resolves with false when the object is gone.
 */
export function newToucher(client: Client): (object: StoredObject) => Promise<boolean> {
  const kinds = new Map<string, Promise<Kind>>();
  const kindOf = (object: StoredObject): Promise<Kind> => {
    const id = `${object.resource}.${object.group}`;
    let kind = kinds.get(id);
    if (kind === undefined) kinds.set(id, (kind = findKind(client, object)));
    return kind;
  };
  return async (object) => {
    const kind = await kindOf(object);
    const { namespace, name } = object;
    const ref = namespace === '' ? { name } : { namespace, name };
    for (let tries = 1; ; tries++)
      try {
        await client.patch(kind, ref, {}, { type: 'application/merge-patch+json' });
        return true;
      } catch (error) {
        if (StatusError.is(error, 'NotFound')) return false;
        if (!StatusError.is(error, 'Conflict') || tries === TRIES) throw error;
      }
  };
}

async function findKind(client: Client, { group, resource }: StoredObject): Promise<Kind> {
  const known = allKinds.find(
    (kind) => kind.group === group && kind.plural === resource && kind.storedAs === undefined,
  );
  if (known !== undefined) return known;
  const { spec } = await client.get(CustomResourceDefinition, { name: `${resource}.${group}` });
  const version = spec.versions.find(({ served }) => served);
  if (version === undefined) throw new Error(`no version of ${resource}.${group} is served`);
  const { kind, plural } = spec.names;
  const definition = `${group}.${version.name}.${kind}`;
  const namespaced = spec.scope === 'Namespaced';
  return {
    group,
    version: version.name,
    kind,
    plural,
    namespaced,
    definition,
    columns: [],
    row: () => ({ cells: [] }),
  };
}
