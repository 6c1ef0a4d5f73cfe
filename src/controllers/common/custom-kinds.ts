import type { CustomResourceDefinition, Kind } from '#api';

/**
 * The kind a definition has in service, as much of it as a client needs: in the version objects are stored in, or else in one that is served.
 * Undefined: there is none.
 */
export function customKindOf({ spec, status }: CustomResourceDefinition): Kind | undefined {
  if (status.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') !== true)
    return undefined;
  const served = spec.versions.filter((version) => version.served);
  const version = served.find(({ storage }) => storage) ?? served[0];
  if (version === undefined) return undefined;
  const { kind, plural } = status.acceptedNames ?? spec.names;
  return {
    group: spec.group,
    version: version.name,
    kind,
    plural,
    namespaced: spec.scope === 'Namespaced',
    definition: '',
    columns: [],
    row: () => ({ cells: [] }),
  };
}
