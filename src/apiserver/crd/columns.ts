import type { Column, Kind, KubeObject } from '#api';

const NAME: Column = { name: 'Name', type: 'string', format: 'name' };

/** The table of a custom kind. Source: apiextensions-apiserver pkg/registry/customresource/tableconvertor/tableconvertor.go v0.36. */
export function compileColumns(_columns: readonly object[]): Pick<Kind, 'columns' | 'row'> {
  return { columns: [NAME], row: ({ metadata }: KubeObject) => ({ cells: [metadata.name] }) };
}
