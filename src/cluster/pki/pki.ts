import { createPrivateKey, createPublicKey } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#util';
import { readOptional, writeFileAtomic } from '../files.ts';
import {
  type CertificateRequest,
  issue,
  type KeyPair,
  keyToPem,
  newAuthority,
  newKey,
  stillServes,
} from './certificate.ts';

const YEAR_MS = 365 * 86_400_000;
/** kubeadm's CertificateAuthorityValidityPeriod and CertificateValidityPeriod (cmd/kubeadm/app/constants). */
const AUTHORITY_YEARS = 10;
const LEAF_YEARS = 1;
/** A certificate with less left than this is issued again at the next start. */
const RENEW_BEFORE_MS = 90 * 86_400_000;
/** So that a clock set back a little does not make a new certificate invalid. */
const BACKDATE_MS = 5 * 60_000;

export interface PkiOptions {
  /** Directory of the files, named as kubeadm names them in /etc/kubernetes/pki. */
  readonly directory: string;
  /** Every name and address clients use for the API server. */
  readonly apiServerNames: readonly string[];
  readonly clock: Clock;
}

export interface Pki {
  /** PEM of the cluster's certificate authority. */
  readonly caCertificate: string;
  readonly admin: KeyPair;
  readonly superAdmin: KeyPair;
  readonly controllerManager: KeyPair;
  readonly scheduler: KeyPair;
  /** Client and serving pair of a node's kubelet. Kept in the directory given, which is the node's own. */
  kubelet(node: { name: string; ip: string; directory: string }): Promise<KubeletPki>;
}

export interface KubeletPki {
  readonly client: KeyPair;
  readonly serving: KeyPair;
}

async function readPair(base: string): Promise<KeyPair | undefined> {
  const certificate = await readOptional(`${base}.crt`);
  const key = await readOptional(`${base}.key`);
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

/** The key first: a certificate without its key would look complete after a crash between the two. */
async function writePair(base: string, pair: KeyPair, durable = false): Promise<void> {
  await writeFileAtomic(`${base}.key`, pair.key, { mode: 0o600, durable });
  await writeFileAtomic(`${base}.crt`, pair.certificate, { mode: 0o644, durable });
}

async function ensureAuthority(base: string, commonName: string, now: number): Promise<KeyPair> {
  const existing = await readPair(base);
  if (existing !== undefined) return existing;
  const pair = newAuthority(commonName, {
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + AUTHORITY_YEARS * YEAR_MS),
  });
  await writePair(base, pair, true); // everything hangs on it; a leaf that got lost is issued again
  return pair;
}

type Wanted = Omit<CertificateRequest, 'notBefore' | 'notAfter'>;

async function ensureLeaf(
  base: string,
  authority: KeyPair,
  authorityName: string,
  wanted: Wanted,
  now: number,
): Promise<KeyPair> {
  const request = { ...wanted, notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + LEAF_YEARS * YEAR_MS) };
  const existing = await readPair(base);
  if (existing && stillServes(existing, authority, request, new Date(now + RENEW_BEFORE_MS))) return existing;
  const pair = issue(authority, authorityName, request);
  await writePair(base, pair);
  return pair;
}

/** The pair that signs service account tokens, and its public half. */
async function ensureServiceAccountKey(directory: string): Promise<void> {
  let key = await readOptional(join(directory, 'sa.key'));
  if (key === undefined) {
    key = keyToPem(newKey());
    await writeFileAtomic(join(directory, 'sa.key'), key, { mode: 0o600, durable: true });
  }
  const publicKey = createPublicKey(createPrivateKey(key)).export({ format: 'pem', type: 'spki' });
  if ((await readOptional(join(directory, 'sa.pub'))) !== publicKey) {
    await writeFileAtomic(join(directory, 'sa.pub'), publicKey, { mode: 0o600 });
  }
}

/** What every cluster calls its API server: kubeadm's GetAPIServerAltNames plus this machine's own names. */
export function apiServerNames(own: { hostname: string; addresses: readonly string[]; serviceIP: string }): string[] {
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  return [...new Set([...service, 'localhost', own.hostname, own.serviceIP, '127.0.0.1', '::1', ...own.addresses])];
}

/** The datastore has an authority of its own: whom the API server knows does not get at the data. Names and subjects as kubeadm's. */
async function ensureEtcdPki(directory: string, names: readonly string[], now: number): Promise<void> {
  await mkdir(join(directory, 'etcd'), { recursive: true, mode: 0o700 });
  const ca = await ensureAuthority(join(directory, 'etcd/ca'), 'etcd-ca', now);
  const leaf = (file: string, wanted: Wanted): Promise<KeyPair> =>
    ensureLeaf(join(directory, file), ca, 'etcd-ca', wanted, now);
  await leaf('etcd/server', {
    commonName: 'etcd',
    usages: ['server', 'client'],
    subjectAltNames: names.filter((name) => !name.startsWith('kubernetes')),
  });
  await leaf('etcd/healthcheck-client', { commonName: 'kube-etcd-healthcheck-client', usages: ['client'] });
  await leaf('apiserver-etcd-client', { commonName: 'kube-apiserver-etcd-client', usages: ['client'] });
}

/** Reads the cluster's keys and certificates, making what is missing and renewing what is about to expire. Changes nothing else. */
export async function ensurePki({ directory, apiServerNames: names, clock }: PkiOptions): Promise<Pki> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o700);
  const now = clock.now();
  const ca = await ensureAuthority(join(directory, 'ca'), 'kubernetes', now);
  const frontProxy = await ensureAuthority(join(directory, 'front-proxy-ca'), 'front-proxy-ca', now);
  await ensureServiceAccountKey(directory);
  const leaf = (file: string, wanted: Wanted): Promise<KeyPair> =>
    ensureLeaf(join(directory, file), ca, 'kubernetes', wanted, now);
  await leaf('apiserver', { commonName: 'kube-apiserver', usages: ['server'], subjectAltNames: names });
  await leaf('apiserver-kubelet-client', {
    commonName: 'kube-apiserver-kubelet-client',
    organizations: ['kubeadm:cluster-admins'],
    usages: ['client'],
  });
  await ensureEtcdPki(directory, names, now);
  const frontProxyClient: Wanted = { commonName: 'front-proxy-client', usages: ['client'] };
  await ensureLeaf(join(directory, 'front-proxy-client'), frontProxy, 'front-proxy-ca', frontProxyClient, now);
  return {
    caCertificate: ca.certificate,
    admin: await leaf('admin', {
      commonName: 'kubernetes-admin',
      organizations: ['kubeadm:cluster-admins'],
      usages: ['client'],
    }),
    superAdmin: await leaf('super-admin', {
      commonName: 'kubernetes-super-admin',
      organizations: ['system:masters'],
      usages: ['client'],
    }),
    controllerManager: await leaf('controller-manager', {
      commonName: 'system:kube-controller-manager',
      usages: ['client'],
    }),
    scheduler: await leaf('scheduler', { commonName: 'system:kube-scheduler', usages: ['client'] }),
    async kubelet({ name, ip, directory: own }) {
      await mkdir(own, { recursive: true, mode: 0o700 });
      const commonName = `system:node:${name}`;
      const organizations = ['system:nodes'];
      const client: Wanted = { commonName, organizations, usages: ['client'] };
      const serving: Wanted = { commonName, organizations, usages: ['server'], subjectAltNames: [name, ip] };
      return {
        client: await ensureLeaf(join(own, 'kubelet-client'), ca, 'kubernetes', client, now),
        serving: await ensureLeaf(join(own, 'kubelet'), ca, 'kubernetes', serving, now),
      };
    },
  };
}
