import { resolve } from 'node:path';
import type { ExternalEtcd } from '#cluster';
import { UsageError } from '../command.ts';

/** Options of kube-apiserver's names that say which etcd cluster; for `parseArgs`. */
export const ETCD_OPTIONS = {
  'etcd-servers': { type: 'string' },
  'etcd-cafile': { type: 'string' },
  'etcd-certfile': { type: 'string' },
  'etcd-keyfile': { type: 'string' },
} as const;

type Values = { readonly [K in keyof typeof ETCD_OPTIONS]?: string | undefined };

/** Undefined: the embedded datastore. `flag` is the option that says `store`. */
export function externalEtcd(
  values: Values,
  { flag, store }: { readonly flag: string; readonly store: string },
): ExternalEtcd | undefined {
  const { 'etcd-servers': servers = '' } = values;
  const files = {
    caFile: values['etcd-cafile'],
    certFile: values['etcd-certfile'],
    keyFile: values['etcd-keyfile'],
  };
  const given = Object.values(files).filter((file) => file !== undefined).length;
  if (store === 'embedded') {
    if (servers !== '' || given > 0) throw new UsageError(`--etcd-… options go with ${flag}=etcd`);
    return undefined;
  }
  if (store !== 'etcd') throw new UsageError(`${flag} takes embedded or etcd, not ${JSON.stringify(store)}`);
  if (servers === '') throw new UsageError(`${flag}=etcd needs --etcd-servers`);
  if (given !== 0 && given !== 3) throw new UsageError('--etcd-cafile, --etcd-certfile and --etcd-keyfile go together');
  const paths = Object.entries(files).flatMap(([name, file]) => (file === undefined ? [] : [[name, resolve(file)]]));
  return {
    servers: servers.split(',').map(checkedServer),
    ...(Object.fromEntries(paths) as Omit<ExternalEtcd, 'servers'>),
  };
}

function checkedServer(text: string): string {
  if (/^https?:\/\/[^/]+\/?$/.test(text) && URL.canParse(text)) return text;
  throw new UsageError(`--etcd-servers takes addresses like https://10.0.0.1:2379, not ${JSON.stringify(text)}`);
}
