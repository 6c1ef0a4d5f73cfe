import { resourcePath } from '#api';
import { NAMES, NAMESPACES, SEEDS } from '../corpus/corpus.ts';
import type { Answer, Target } from './target.ts';

interface ObjectList {
  readonly items?: readonly { readonly metadata: { readonly name: string; readonly finalizers?: readonly string[] } }[];
}

/** Roles the server begins with stay. */
const OWN = 'labelSelector=!kubernetes.io/bootstrapping';

/** Lets go of all objects the requests have made, and makes one of each kind. `round` chooses which where there are several. */
export async function sweep(target: Target, round: number): Promise<void> {
  const ask = async (method: string, url: string, type?: string, body?: object): Promise<Answer> => {
    const headers = type === undefined ? {} : { 'content-type': type };
    const bytes = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
    return await target.send({ method, url, headers, ...bytes, user: 'kubernetes-admin' });
  };
  const collections = new Set(
    SEEDS.filter(({ kind }) => kind.kind !== 'Namespace').flatMap(({ kind }) =>
      (kind.namespaced ? NAMESPACES : ['']).map((namespace) => resourcePath(kind, { namespace })),
    ),
  );
  for (const collection of collections) {
    const { status, body } = await ask('GET', `${collection}?${OWN}`);
    const { items = [] } = (status === 200 ? JSON.parse(body.toString()) : {}) as ObjectList;
    for (const { metadata } of items)
      if (metadata.finalizers !== undefined)
        await ask('PATCH', `${collection}/${encodeURIComponent(metadata.name)}`, 'application/merge-patch+json', {
          metadata: { finalizers: null },
        });
    if (items.length > 0) await ask('DELETE', `${collection}?gracePeriodSeconds=0&${OWN}`);
  }
  for (const name of NAMESPACES) {
    await ask('POST', '/api/v1/namespaces', 'application/json', { metadata: { name } });
    await ask('POST', `/api/v1/namespaces/${name}/serviceaccounts`, 'application/json', {
      metadata: { name: 'default' },
    });
  }
  for (const seeds of Map.groupBy(SEEDS, ({ kind }) => kind).values()) {
    const { kind, object } = seeds[round % seeds.length]!;
    const url = resourcePath(kind, { namespace: kind.namespaced ? NAMESPACES[0]! : '' });
    const metadata = { name: NAMES[1], ...(object['metadata'] as object | undefined) };
    await ask('POST', url, 'application/json', { ...object, metadata });
  }
}
