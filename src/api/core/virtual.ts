/** Kinds of the core group that are never stored. */
import type * as core from '../generated/core.v1.ts';
import { defineKind, VIRTUAL } from '../kind.ts';
import { NAME } from '../table.ts';

export type Binding = core.Binding;
export type ComponentStatus = core.ComponentStatus;

/** The old way to bind a pod; the new one is the pod's own subresource. Source: LegacyBindingREST of pkg/registry/core/pod/storage v1.36. */
export const Binding = defineKind<Binding>({
  ...VIRTUAL,
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  namespaced: true,
  definition: 'core.v1.Binding',
});

/** Source: pkg/registry/core/componentstatus, printComponentStatus of pkg/printers/internalversion v1.36. */
export const ComponentStatus = defineKind<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  shortNames: ['cs'],
  namespaced: false,
  definition: 'core.v1.ComponentStatus',
  virtual: true,
  verbs: ['get', 'list'],
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',

  columns: [
    NAME,
    { name: 'Status', type: 'string' },
    { name: 'Message', type: 'string' },
    { name: 'Error', type: 'string' },
  ],
  row({ metadata, conditions = [] }) {
    const healthy = conditions.find(({ type }) => type === 'Healthy');
    const status = healthy === undefined ? 'Unknown' : healthy.status === 'True' ? 'Healthy' : 'Unhealthy';
    return { cells: [metadata.name, status, healthy?.message ?? '', healthy?.error ?? ''] };
  },
});
