import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, newClient, newHttpTransport } from '#client';
import type { Store } from '#store';
import { adminAccess } from '../access.ts';
import type { KnownCluster } from '../context.ts';
import { controlPlaneSupervisor } from '../controlplane.ts';
import { connectDatastore } from '../datastore/connect.ts';
import { readOptional, writeFileAtomic } from '../files.ts';
import { type ApiAccess, untilEncryptionTaken } from '../ready.ts';
import { type EncryptionAtRest, lockState } from '../state.ts';
import { encryptionUsage, type EncryptionUsage } from './census.ts';
import { readEncryptionFile, writeEncryptionFile } from './file.ts';
import { type Rotated, rotateKeys, type RotationOptions, type RotationPlan } from './rotation.ts';
import { newToucher } from './touch.ts';

/** More than the minute after which the API server looks at the file by itself. */
const TAKEN_TIMEOUT_MS = 90_000;
const KEY_BYTES = 32;

export interface EncryptionReport {
  readonly encryption: EncryptionAtRest;
  readonly usage: readonly EncryptionUsage[];
  /** A rotation that did not get to its end. */
  readonly rotating: boolean;
}

/** Under which keys the objects of a cluster lie, as the datastore has them. */
export async function encryptionReport(cluster: KnownCluster): Promise<EncryptionReport> {
  const encryption = encryptionOfCluster(cluster);
  const { configuration } = await readEncryptionFile(encryption.configFile);
  await using datastore = await openStore(cluster);
  const usage = await encryptionUsage(datastore.store, configuration);
  return { encryption, usage, rotating: (await readPlan(cluster)) !== undefined };
}

export interface RotateOptions extends RotationOptions {
  /** No other control plane has the file, or an old copy of it: only with an etcd cluster may that be. */
  readonly onlyControlPlane: boolean;
}

/** Gives a cluster a new key and takes the old one away. It may be interrupted anywhere, and called again. */
export async function rotateEncryptionKeys(cluster: KnownCluster, options: RotateOptions): Promise<Rotated> {
  const { state, stateRoot, name, clock, signal } = cluster;
  const { configFile, automaticReload } = encryptionOfCluster(cluster);
  if (!automaticReload)
    throw new Error(
      `the API server does not take a changed ${configFile}; \`pirogue up --encryption-provider-config ${configFile} --encryption-provider-config-automatic-reload\` makes it`,
    );
  if (state.etcd !== undefined && !options.onlyControlPlane)
    throw new Error(
      'other control planes may share this etcd cluster and could not read what is written by a key that they lack; if there are none, say --only-control-plane',
    );
  await using lock = await lockState(stateRoot, name, { clock });
  void lock;
  await using datastore = await openStore(cluster);
  const access = await adminAccess(cluster);
  using api = connect(access, cluster);
  return await rotateKeys(
    {
      store: datastore.store,
      readFile: () => readEncryptionFile(configFile),
      writeFile: (configuration) => writeEncryptionFile(configFile, configuration),
      readPlan: () => readPlan(cluster),
      writePlan: (plan) => writePlan(cluster, plan),
      taken: (hash) => untilEncryptionTaken(access, hash, { clock, timeoutMs: TAKEN_TIMEOUT_MS, signal }),
      touch: newToucher(api.client),
      newSecret: () => randomBytes(KEY_BYTES).toString('base64'),
      now: () => clock.now(),
    },
    options,
  );
}

function encryptionOfCluster({ state }: KnownCluster): EncryptionAtRest {
  if (state.encryption === undefined)
    throw new Error(
      `nothing is encrypted in cluster ${state.name}; \`pirogue up --encryption-provider-config FILE\` begins with it`,
    );
  return state.encryption;
}

/** As its server has it. */
async function openStore(cluster: KnownCluster): Promise<AsyncDisposable & { readonly store: Store }> {
  const { state, paths, name } = cluster;
  if ((await controlPlaneSupervisor(cluster)) === undefined)
    throw new Error(`the control plane of cluster ${name} does not run; \`pirogue up\` starts it`);
  const store = await connectDatastore(state, paths);
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

function connect(access: ApiAccess, { clock }: KnownCluster): Disposable & { readonly client: Client } {
  const { server, caCertificate: ca, client } = access;
  const config = { server, ca, cert: client.certificate, key: client.key };
  const transport = newHttpTransport({ config, clock, random: Math.random });
  return { client: newClient(transport), [Symbol.dispose]: () => transport[Symbol.dispose]() };
}

const planFile = ({ paths }: KnownCluster): string => join(paths.directory, 'encryption-rotation.json');

async function readPlan(cluster: KnownCluster): Promise<RotationPlan | undefined> {
  const text = await readOptional(planFile(cluster));
  return text === undefined ? undefined : (JSON.parse(text) as RotationPlan);
}

async function writePlan(cluster: KnownCluster, plan: RotationPlan | undefined): Promise<void> {
  const file = planFile(cluster);
  if (plan === undefined) await rm(file, { force: true });
  else await writeFileAtomic(file, `${JSON.stringify(plan)}\n`, { mode: 0o600, durable: true });
}
