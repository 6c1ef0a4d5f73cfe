import type { Kind, KubeObject } from '#api';

/** Source: k8s.io/apiserver pkg/authentication/user. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** One request as admission sees it. */
export interface AdmissionAttributes {
  readonly operation: Operation;
  readonly kind: Kind;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The new object; absent on DELETE. `admit` may change it. */
  readonly object?: KubeObject | undefined;
  /** The object as it is stored; absent on CREATE. */
  readonly oldObject?: KubeObject | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
}

/** One admission controller, under upstream's name. Both steps throw StatusError to refuse. */
export interface AdmissionPlugin {
  readonly name: string;
  admit?(attributes: AdmissionAttributes): void | Promise<void>;
  validate?(attributes: AdmissionAttributes): void | Promise<void>;
}

export interface Admission {
  admit(attributes: AdmissionAttributes): Promise<void>;
  validate(attributes: AdmissionAttributes): Promise<void>;
}

/** Runs the plugins one after the other, in their order. */
export function newAdmission(plugins: readonly AdmissionPlugin[]): Admission {
  const admitting = plugins.filter((p) => p.admit !== undefined);
  const validating = plugins.filter((p) => p.validate !== undefined);
  return {
    async admit(attributes) {
      for (const plugin of admitting) {
        // Most are through at once, and waiting for nothing costs too.
        const outcome = plugin.admit?.(attributes);
        if (outcome !== undefined) await outcome;
      }
    },
    async validate(attributes) {
      for (const plugin of validating) {
        const outcome = plugin.validate?.(attributes);
        if (outcome !== undefined) await outcome;
      }
    },
  };
}
