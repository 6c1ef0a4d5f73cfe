import { resolve } from 'node:path';
import type { EncryptionAtRest } from '#cluster';
import { UsageError } from '../command.ts';

const RELOAD = 'encryption-provider-config-automatic-reload';

/** Options of kube-apiserver's names that say what is encrypted in the datastore; for `parseArgs`. */
export const ENCRYPTION_OPTIONS = {
  'encryption-provider-config': { type: 'string' },
  [RELOAD]: { type: 'boolean' },
} as const;

/** Upstream's flags may say what they are without saying it: `--flag=true`. */
export function withoutTrue(argument: string): string {
  const [, value] = new RegExp(`^--${RELOAD}=(.*)$`).exec(argument) ?? [];
  if (value === undefined || value === 'true') return value === undefined ? argument : `--${RELOAD}`;
  if (value === 'false') return `--no-${RELOAD}`;
  throw new UsageError(`--${RELOAD} takes true or false, not ${JSON.stringify(value)}`);
}

interface Values {
  readonly 'encryption-provider-config'?: string | undefined;
  readonly 'encryption-provider-config-automatic-reload'?: boolean | undefined;
}

/** Undefined: nothing was said of it. */
export function encryptionAtRest(values: Values): EncryptionAtRest | undefined {
  const file = values['encryption-provider-config'];
  const reload = values[RELOAD];
  if (file === undefined) {
    // Source: EtcdOptions.Validate, apiserver pkg/server/options/etcd.go v1.36.
    if (reload === true) throw new UsageError(`--${RELOAD} must be set with --encryption-provider-config`);
    return undefined;
  }
  if (file === '') throw new UsageError('--encryption-provider-config takes a file');
  return { configFile: resolve(file), automaticReload: reload ?? false };
}
