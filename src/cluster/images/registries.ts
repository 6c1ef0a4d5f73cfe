import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readOptional, writeIfChanged } from '../files.ts';
import { statePaths } from '../state.ts';
import { CERTS_D } from '../node/containerd.ts';

/** How nodes reach a registry whose certificate, or lack of one, they would not accept by themselves. */
export interface Registry {
  /** `HOST` or `HOST:PORT`, as in image names. */
  readonly host: string;
  /** `http`: plain HTTP. `https`: HTTPS with whatever certificate. Absent: HTTPS, verified. */
  readonly insecure?: 'http' | 'https';
  /** File on this machine with the certificates (PEM) to trust. */
  readonly caFile?: string;
}

const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?$/;

/**
 * `hosts.toml` of a registry: containerd docs/hosts.md. Settings stand at the root as well: after a 404 of the host, `server` is asked
 * with the root's, and an error of that would hide what the host said. For the same reason there is one host, not one per scheme.
 */
export function hostsToml({ host, insecure, caFile }: Registry): string {
  const url = `${insecure === 'http' ? 'http' : 'https'}://${host}`;
  const settings: string[] = [];
  if (insecure === 'https') settings.push('skip_verify = true\n');
  if (caFile !== undefined) settings.push(`ca = ["${CERTS_D}/${host}/ca.crt"]\n`);
  const own = ['capabilities = ["pull", "resolve", "push"]\n', ...settings].map((line) => `  ${line}`);
  return `server = "${url}"\n${settings.join('')}\n[host."${url}"]\n${own.join('')}`;
}

/** Tells every node, running or not, about the registry; containerd reads it at the next pull. */
export async function configureRegistry(stateDirectory: string, registry: Registry): Promise<void> {
  if (!HOST.test(registry.host)) throw new Error(`${JSON.stringify(registry.host)} is not HOST or HOST:PORT`);
  const directory = join(statePaths(stateDirectory).certsD, registry.host);
  await mkdir(directory, { recursive: true });
  if (registry.caFile !== undefined) {
    const certificates = await readOptional(registry.caFile);
    if (certificates === undefined) throw new Error(`${registry.caFile}: no such file`);
    if (!certificates.includes('-----BEGIN CERTIFICATE-----'))
      throw new Error(`${registry.caFile} holds no PEM certificate`);
    await writeIfChanged(join(directory, 'ca.crt'), certificates);
  }
  await writeIfChanged(join(directory, 'hosts.toml'), hostsToml(registry));
}

/** Forgets what {@link configureRegistry} said. */
export async function forgetRegistry(stateDirectory: string, host: string): Promise<void> {
  if (!HOST.test(host)) throw new Error(`${JSON.stringify(host)} is not HOST or HOST:PORT`);
  await rm(join(statePaths(stateDirectory).certsD, host), { recursive: true, force: true });
}
