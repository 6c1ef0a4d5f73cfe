/** The kind a definition makes in one of its versions. Source: apiextensions-apiserver pkg/registry/customresource v0.36. */
import {
  type CustomResourceDefinition,
  deepClone,
  equalValues,
  forbidden,
  isQualifiedName,
  type Kind,
  type KubeObject,
  type SubresourceStrategy,
} from '#api';
import type { Clock } from '#util';
import { compareVersions } from '../discovery/version-order.ts';
import { isTrue } from './conditions.ts';
import { customScale } from './scale.ts';
import { selectableFields } from './select.ts';
import { validateCustom, validateCustomStatus, validateCustomUpdate } from './validation.ts';
import type { CompiledVersion } from './version.ts';

export interface CustomKindOptions {
  readonly definition: CustomResourceDefinition;
  readonly version: CompiledVersion;
  readonly storageVersion: string;
  readonly clock: Clock;
  /** See CustomSchema. */
  readonly convert: (object: KubeObject, apiVersion: string) => KubeObject | Promise<KubeObject>;
}

/** Names are those the definition has been granted, which may not be all it wishes. */
export function customKind({ definition, version, storageVersion, clock, convert }: CustomKindOptions): Kind {
  const { spec, status } = definition;
  const names = status.acceptedNames ?? spec.names;
  const { kind, plural } = names;
  const { defined } = version;
  const terminating = isTrue(definition, 'Terminating');
  const group = { group: spec.group, plural };
  const { scale, status: hasStatus } = defined.subresources ?? {};
  const fields = selectableFields(defined.selectableFields ?? []);
  return {
    group: spec.group,
    version: version.name,
    kind,
    plural,
    listKind: names.listKind ?? `${kind}List`,
    singular: names.singular ?? '',
    ...(names.shortNames === undefined ? {} : { shortNames: names.shortNames }),
    ...(names.categories === undefined ? {} : { categories: names.categories }),
    namespaced: spec.scope === 'Namespaced',
    definition: openApiDefinition(spec.group, version.name, kind),
    storagePrefix: `${spec.group}/${plural}`,
    custom: {
      props: defined.schema?.openAPIV3Schema,
      get type() {
        return version.type;
      },
      selectableFields: Object.keys(fields),
      storageVersion,
      terminating,
      read: (value, strict) => version.read(value, { strict }),
      convert,
    },
    unconditionalUpdate: false,
    anyFinalizers: true,
    ...(defined.deprecated === true ? { deprecation: deprecationOf(definition, version) } : {}),
    defaults: (object) => version.defaults(object),
    ready: () => version.ready(clock),
    prepareForCreate(object) {
      if (terminating)
        throw forbidden(
          group,
          object.metadata.name,
          'create not allowed while custom resource definition is terminating',
        );
      if (hasStatus !== undefined) delete (object as { status?: unknown }).status;
      object.metadata.generation = 1;
    },
    prepareForUpdate(object, old) {
      if (!equalValues(withoutMetadata(object), withoutMetadata(old)))
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    },
    validateCreate: (object) => validateCustom(object, version),
    validateUpdate: (object, old) => validateCustomUpdate(object, old, version),
    warnings: (object, old) => finalizerWarnings(object, old),
    ...(hasStatus === undefined ? {} : { status: statusStrategy(version) }),
    ...(scale === undefined ? {} : { scale: customScale(scale) }),
    selectableFields: fields,
    get columns() {
      return version.table.columns;
    },
    row: (object, context) => version.table.row(object, context),
  };
}

/** `com.example.v1.Foo`. Source: gvkToModelName, pkg/controller/openapi/builder/builder.go v0.36. */
const openApiDefinition = (group: string, version: string, kind: string): string =>
  `${group.split('.').toReversed().join('.')}.${version}.${kind}`;

function withoutMetadata(object: KubeObject): object {
  const { metadata: _, ...rest } = object;
  return rest;
}

/** Only the status changes, and who owns it. */
const statusStrategy = (version: CompiledVersion): SubresourceStrategy<KubeObject> => ({
  prepareForUpdate(object, old) {
    const { status } = object as { status?: unknown };
    const { managedFields } = object.metadata;
    for (const key of Object.keys(object)) delete (object as unknown as Record<string, unknown>)[key];
    Object.assign(object, deepClone(old));
    if (managedFields === undefined) delete object.metadata.managedFields;
    else object.metadata.managedFields = managedFields;
    if (status === undefined) delete (object as { status?: unknown }).status;
    else (object as { status?: unknown }).status = status;
  },
  validateUpdate: (object, old) => validateCustomStatus(object, old, version),
});

/** Source: defaultDeprecationWarning, pkg/apiserver/customresource_handler.go v0.36. */
function deprecationOf({ spec }: CustomResourceDefinition, { name, defined }: CompiledVersion): string {
  if (defined.deprecationWarning !== undefined) return defined.deprecationWarning;
  const text = `${spec.group}/${name} ${spec.names.kind} is deprecated`;
  const [better] = spec.versions
    .filter((own) => own.served && own.deprecated !== true && compareVersions(own.name, name) < 0)
    .map((own) => own.name)
    .toSorted(compareVersions);
  return better === undefined ? text : `${text}; use ${spec.group}/${better} ${spec.names.kind}`;
}

const STANDARD_FINALIZERS = ['orphan', 'foregroundDeletion', 'kubernetes'];

/** Source: generateWarningsFromObj and validateKubeFinalizerName of pkg/registry/customresource v0.36. */
function finalizerWarnings({ metadata }: KubeObject, old: KubeObject | undefined): string[] {
  const known = new Set(old?.metadata.finalizers);
  const added = [...new Set(metadata.finalizers)].filter((name) => !known.has(name)).toSorted();
  return added.flatMap((name) => {
    const at = `metadata.finalizers: ${JSON.stringify(name)}`;
    const warnings = isQualifiedName(name).map((why) => `${at}: ${why}`);
    if (name.includes('/') || STANDARD_FINALIZERS.includes(name)) return warnings;
    const path = name.includes('.') ? ' including a path (/)' : '';
    return [
      ...warnings,
      `${at}: prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`,
    ];
  });
}
