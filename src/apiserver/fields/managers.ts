import {
  apiVersionOf,
  applyTypeOf,
  type Convert,
  decodeObject,
  deepClone,
  type FieldManager,
  type Kind,
  kindFieldManager,
  type KubeObject,
  type ReplicasPaths,
  type Typed,
} from '#api';
import type { Clock, Logger } from '#util';

/** What is written through the scale of an object. Source: fqKindToRegister of the scale storages, apiserver pkg/endpoints/installer.go v1.36. */
export const SCALE = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  definition: 'autoscaling.v1.Scale',
} as const;

export interface FieldManagersOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** All versions a kind is served in, its own among them. */
  readonly versions: (kind: Kind) => readonly Kind[];
}

/** The managers of fields of every kind, one for each path it is written through, made on first use. */
export class FieldManagers {
  readonly #options: FieldManagersOptions;
  readonly #made = new WeakMap<Kind, Map<string, FieldManager>>();
  readonly #scale: FieldManager;

  constructor(options: FieldManagersOptions) {
    this.#options = options;
    this.#scale = kindFieldManager(SCALE, { ...this.#common(), subresource: 'scale' });
  }

  /** `subresource` is '' for the object itself. */
  of(kind: Kind, subresource: string): FieldManager {
    let own = this.#made.get(kind);
    if (own === undefined) this.#made.set(kind, (own = new Map()));
    let manager = own.get(subresource);
    if (manager === undefined) {
      const convert = converter(() => this.#options.versions(kind));
      manager = kindFieldManager(kind, { ...this.#common(), subresource, convert });
      own.set(subresource, manager);
    }
    return manager;
  }

  ofScale(): FieldManager {
    return this.#scale;
  }

  /** Where each version of a kind has its number of replicas. */
  replicasPaths(kind: Kind): ReplicasPaths {
    const paths: Record<string, string | undefined> = {};
    // Owners may still be noted in versions apps was served in once. Source: replicasPathInDeployment of pkg/registry/apps v1.36.
    if (kind.group === 'apps') for (const version of ['v1beta1', 'v1beta2']) paths[`apps/${version}`] = SPEC_REPLICAS;
    for (const { scale, ...own } of this.#options.versions(kind))
      paths[apiVersionOf(own)] = scale === undefined ? undefined : (scale.replicasPath ?? SPEC_REPLICAS);
    return paths;
  }

  #common(): Pick<Parameters<typeof kindFieldManager>[1], 'now' | 'report'> {
    const { clock, log } = this.#options;
    return {
      now: () => clock.now(),
      report: (error) => log.warn('Owners of fields are not known of a write', { error }),
    };
  }
}

const SPEC_REPLICAS = 'spec.replicas';

/** Takes values from one served version to another, by way of the stored one. */
function converter(versions: () => readonly Kind[]): Convert {
  return (typed, apiVersion) => {
    const served = versions();
    const to = served.find((kind) => apiVersionOf(kind) === apiVersion);
    if (to === undefined) return undefined;
    const from = served.find((kind) => apiVersionOf(kind) === typed.apiVersion);
    if (from === undefined) return undefined;
    if (from.custom !== undefined) {
      const object = { metadata: {}, ...deepClone(typed.value) } as unknown as KubeObject;
      const { resourceVersion } = object.metadata;
      // Conversion is of what is stored, and knows no resourceVersion.
      const typedAs = ({ metadata, ...rest }: KubeObject): Typed => ({
        value: { ...rest, metadata: { ...metadata, resourceVersion } },
        type: applyTypeOf(to),
        apiVersion,
      });
      const converted = from.custom.convert(object, apiVersion);
      return converted instanceof Promise ? converted.then(typedAs) : typedAs(converted);
    }
    // Decoded, it has all that conversions count on, whatever has been taken from the value.
    const object: KubeObject = deepClone(decodeObject(typed.value, from, { fieldValidation: 'Ignore' }).object);
    const stored = from.storedAs === undefined ? object : from.storedAs.toStored(object);
    const converted = to.storedAs === undefined ? stored : to.storedAs.fromStored(stored);
    const value = { ...converted, apiVersion, kind: to.kind };
    return { value, type: applyTypeOf(to), apiVersion };
  };
}
