import { resourcePath } from '#api';
import { NAMES, NAMESPACES, SEEDS } from '../corpus/corpus.ts';
import type { Answer, Target } from './target.ts';

const JSON_TYPE = 'application/json';
const THINGS = '/apis/fuzz.example.com/v1/things';
const MERGE_PATCH = 'application/merge-patch+json';

interface ObjectList {
  readonly items?: readonly { readonly metadata: { readonly name: string; readonly finalizers?: readonly string[] } }[];
}

/** Roles and the range of cluster addresses the server begins with stay. */
const OWN = 'labelSelector=!kubernetes.io/bootstrapping&fieldSelector=metadata.name!=kubernetes';

/** As the administrator. */
async function ask(target: Target, method: string, url: string, type?: string, body?: object): Promise<Answer> {
  const headers = type === undefined ? {} : { 'content-type': type };
  const bytes = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
  return await target.send({ method, url, headers, ...bytes, user: 'kubernetes-admin' });
}

/** Lets go of all objects the requests have made, and of their history. */
export async function sweep(target: Target): Promise<void> {
  const collections = new Set(
    SEEDS.filter(({ kind }) => kind.kind !== 'Namespace').flatMap(({ kind }) =>
      (kind.namespaced ? NAMESPACES : ['']).map((namespace) => resourcePath(kind, { namespace })),
    ),
  );
  for (const collection of collections) {
    const { status, body } = await ask(target, 'GET', `${collection}?${OWN}`);
    const { items = [] } = (status === 200 ? JSON.parse(body.toString()) : {}) as ObjectList;
    for (const { metadata } of items)
      if (metadata.finalizers !== undefined)
        await ask(target, 'PATCH', `${collection}/${encodeURIComponent(metadata.name)}`, MERGE_PATCH, {
          metadata: { finalizers: null },
        });
    if (items.length > 0) await ask(target, 'DELETE', `${collection}?gracePeriodSeconds=0&${OWN}`);
  }
  await target.compact();
}

/** A definition takes some turns to be established. */
async function served(target: Target): Promise<void> {
  for (let turns = 0; turns < 20; turns++) if ((await ask(target, 'GET', THINGS)).status === 200) return;
}

/** Makes one object of each kind; `round` chooses which where there are several. Returns what was not taken: nothing, on a server that is empty. */
export async function plant(target: Target, round: number): Promise<readonly string[]> {
  for (const name of NAMESPACES) {
    await ask(target, 'POST', '/api/v1/namespaces', JSON_TYPE, { metadata: { name } });
    await ask(target, 'POST', `/api/v1/namespaces/${name}/serviceaccounts`, JSON_TYPE, {
      metadata: { name: 'default' },
    });
  }
  const refused: string[] = [];
  for (const seeds of Map.groupBy(SEEDS, ({ kind }) => kind).values()) {
    const { kind, object } = seeds[round % seeds.length]!;
    const url = resourcePath(kind, { namespace: kind.namespaced ? NAMESPACES[0]! : '' });
    const metadata = { name: NAMES[1], ...(object['metadata'] as object | undefined) };
    const { status, body } = await ask(target, 'POST', url, JSON_TYPE, { ...object, metadata });
    // The same object under another version, and a version that is not in this definition or needs a webhook.
    const known = status === 409 || (status >= 404 && kind.version === 'v2');
    if (status !== 201 && !known) refused.push(`${kind.kind} ${kind.version}: ${status} ${body.toString()}`);
    if (kind.plural === 'customresourcedefinitions') await served(target);
  }
  return refused;
}
