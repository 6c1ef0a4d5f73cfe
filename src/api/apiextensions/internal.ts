/**
 * A definition as upstream validates it: what is the same in all versions stands at the top, and that is where errors name it. Source:
 * apiextensions-apiserver pkg/apis/apiextensions/{types.go,v1/conversion.go} v0.36.
 */
import { equalValues } from '../equality.ts';
import type * as apiextensions from '../generated/apiextensions.v1.ts';
import { type Unchecked, unchecked } from '../validation/fields.ts';

type Version = Unchecked<apiextensions.CustomResourceDefinitionVersion>;

/** The parts of a version that may stand at the top instead. */
type Shared = Pick<Version, 'schema' | 'subresources' | 'additionalPrinterColumns' | 'selectableFields'>;

export interface InternalVersion extends Shared {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated: boolean;
  readonly deprecationWarning: string | undefined;
}

export interface InternalSpec extends Unchecked<Omit<apiextensions.CustomResourceDefinitionSpec, 'versions'>>, Shared {
  /** Name of the first version. */
  readonly version: string;
  readonly versions: readonly InternalVersion[] | undefined;
}

const SHARED = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const;

/** Brings up what all versions have alike, be there but one. */
export function internalSpec(spec: apiextensions.CustomResourceDefinitionSpec): InternalSpec {
  const { versions: declared } = unchecked(spec);
  const first: Version = declared?.[0] ?? {};
  const shared = new Set<string>(
    SHARED.filter((part) => declared?.every((version) => equalValues(version[part] ?? [], first[part] ?? []))),
  );
  const top = <K extends keyof Shared>(part: K): Shared[K] => (shared.has(part) ? first[part] : undefined);
  const own = <K extends keyof Shared>(version: Version, part: K): Shared[K] =>
    shared.has(part) ? undefined : version[part];
  return {
    ...spec,
    version: first.name ?? '',
    schema: top('schema'),
    subresources: top('subresources'),
    additionalPrinterColumns: top('additionalPrinterColumns'),
    selectableFields: top('selectableFields'),
    versions: declared?.map((version: Version) => ({
      name: version.name ?? '',
      served: version.served === true,
      storage: version.storage === true,
      deprecated: version.deprecated === true,
      deprecationWarning: version.deprecationWarning,
      schema: own(version, 'schema'),
      subresources: own(version, 'subresources'),
      additionalPrinterColumns: own(version, 'additionalPrinterColumns'),
      selectableFields: own(version, 'selectableFields'),
    })),
  };
}

/** Every schema there is. */
export const schemasOf = ({ schema, versions }: InternalSpec): apiextensions.JSONSchemaProps[] =>
  [schema, ...(versions ?? []).map((version) => version.schema)].flatMap((validation) =>
    validation?.openAPIV3Schema === undefined ? [] : [validation.openAPIV3Schema],
  );
