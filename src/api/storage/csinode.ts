import { validateCSIDriverName } from '../core/pod/volume/sources.ts';
import type { FieldError } from '../field-error.ts';
import { child, duplicate, invalid, required } from '../field-error.ts';
import type * as storage from '../generated/storage.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { eachOf, Seen, unchecked, validateNonnegative, validateQualifiedName } from '../validation/fields.ts';
import { byteLength } from '../validation/names.ts';
import { STORAGE_GROUP } from './parameters.ts';

export type CSINode = storage.CSINode;

const NODE_ID_MAX = 256;

function validateDrivers({ spec }: CSINode): FieldError[] {
  const names = new Seen();
  return eachOf(spec.drivers, 'spec.drivers', (driver, at) => {
    const { name = '', nodeID = '', allocatable, topologyKeys } = unchecked(driver);
    const keys = new Seen();
    return [
      ...validateCSIDriverName(name, child(at, 'name')),
      ...(nodeID === '' ? [required(child(at, 'nodeID'))] : []),
      ...(byteLength(nodeID) > NODE_ID_MAX
        ? [invalid(child(at, 'nodeID'), nodeID, `must be ${NODE_ID_MAX} characters or less`)]
        : []),
      ...validateNonnegative(allocatable?.count, child(at, 'allocatable', 'count')),
      ...(names.add(name) ? [] : [duplicate(child(at, 'name'), name)]),
      ...(topologyKeys ?? []).flatMap((key) => [
        // Upstream blames the driver, not the key.
        ...(key === '' ? [required(at)] : []),
        ...(keys.add(key) ? [] : [duplicate(at, key)]),
        ...validateQualifiedName(key, at),
      ]),
    ];
  });
}

/** A driver that is there stays as it is, or goes; how much it can hold may change. */
function validateUpdate({ spec }: CSINode, old: CSINode): FieldError[] {
  return (old.spec.drivers ?? []).flatMap((before) =>
    (spec.drivers ?? [])
      .filter((driver) => driver.name === before.name)
      .filter((driver) => !semanticEqual({ ...driver, allocatable: before.allocatable }, before))
      .map(({ name, nodeID, topologyKeys }) => {
        // Shown as upstream's internal type is: its fields have no JSON names.
        const shown = { Name: name, NodeID: nodeID ?? '', TopologyKeys: topologyKeys ?? null, Allocatable: null };
        return invalid('spec.drivers', shown, 'field is immutable');
      }),
  );
}

/** Source: ValidateCSINode in pkg/apis/storage/validation, pkg/registry/storage/csinode/strategy.go v1.36. */
export const CSINode = defineKind<CSINode>({
  group: STORAGE_GROUP,
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  namespaced: false,
  definition: 'storage.v1.CSINode',
  unconditionalUpdate: false,

  defaults(node) {
    node.spec ??= { drivers: [] };
    node.spec.drivers ??= [];
  },
  validate: validateDrivers,
  validateUpdate,

  columns: [NAME, { name: 'Drivers', type: 'integer' }, AGE],
  row: (node, { nowMs }) => ({ cells: [node.metadata.name, node.spec.drivers.length, age(node, nowMs)] }),
});
