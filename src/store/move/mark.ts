import { type Key, type Store, StoreError } from '../types.ts';

/** A store that is being filled says so under this key, from before the first pair to after the last. */
export const MARK_KEY: Key = 'pirogue/move';

export interface Mark {
  /** Who fills it. */
  readonly owner: string;
  /** `complete`: all is there; whoever uses it takes the mark away. */
  readonly state: 'filling' | 'complete';
}

export const markBytes = ({ owner, state }: Mark): Buffer => Buffer.from(JSON.stringify({ owner, state }));

/** Undefined: nobody moves anything there. */
export async function readMark(store: Store): Promise<(Mark & { readonly bytes: Buffer }) | undefined> {
  const [kv] = (await store.range({ key: MARK_KEY })).kvs;
  if (kv === undefined) return undefined;
  return { ...(JSON.parse(kv.value.toString()) as Mark), bytes: kv.value };
}

/** To be called before a store is used. Throws `unavailable` when it is half filled by a move; the mark of one that ended is taken away. */
export async function checkWhole(store: Store): Promise<void> {
  const mark = await readMark(store);
  if (mark === undefined) return;
  if (mark.state === 'filling')
    throw new StoreError(
      'unavailable',
      `the datastore is only half filled by a move of ${mark.owner}: end it with \`pirogue datastore move\` there, or empty the datastore`,
    );
  await store.txn({ compare: [], success: [{ type: 'delete', key: MARK_KEY }] });
}
