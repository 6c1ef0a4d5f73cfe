import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KnownCluster } from './context.ts';
import type { ApiAccess } from './ready.ts';

/** The cluster's API as its administrator. */
export async function adminAccess({ paths, state }: Pick<KnownCluster, 'paths' | 'state'>): Promise<ApiAccess> {
  const read = (file: string): Promise<string> => readFile(join(paths.pki, file), 'utf8');
  return {
    server: `https://127.0.0.1:${state.apiPort}`,
    caCertificate: await read('ca.crt'),
    client: { certificate: await read('admin.crt'), key: await read('admin.key') },
  };
}
