import {
  type EncryptedResources,
  type EncryptionConfiguration,
  type EncryptionKey,
  type EncryptionProvider,
  keyedProvider,
  type KeyedProviderName,
} from '#api';
import type { Store } from '#store';
import { messageOf } from '#util';
import { headFor, type StoredObject, storedObjects, writingHeads } from './census.ts';
import type { EncryptionFile } from './file.ts';

/** What a rotation has set out to do, kept until it is done: whoever comes after a crash goes on with it. */
export interface RotationPlan {
  readonly newKey: string;
  /** Keys that wrote before. */
  readonly retired: readonly { readonly provider: KeyedProviderName; readonly name: string }[];
}

/** What a rotation acts on. Each of these may be where the process is killed. */
export interface RotationSteps {
  readonly store: Store;
  readFile(): Promise<EncryptionFile>;
  /** Returns the hash of what was written. */
  writeFile(configuration: EncryptionConfiguration): Promise<string>;
  readPlan(): Promise<RotationPlan | undefined>;
  /** Undefined: it is done. */
  writePlan(plan: RotationPlan | undefined): Promise<void>;
  /** Resolves when the API server uses the file of that hash. */
  taken(hash: string): Promise<void>;
  /** Has the API server write the object anew; false when it is gone. */
  touch(object: StoredObject): Promise<boolean>;
  /** A new key in base64. */
  newSecret(): string;
  now(): number;
}

export interface RotationOptions {
  /** Only tells what would be done. */
  readonly dryRun: boolean;
  /** Old keys stay in the file, to read old backups with. */
  readonly keepOldKeys: boolean;
}

export interface Rotated {
  readonly plan: RotationPlan;
  /** A rotation that was interrupted was ended. */
  readonly resumed: boolean;
  /** Objects written anew, or that would be. */
  readonly objects: number;
}

/** Objects written at once. */
const WRITERS = 8;
/** Rounds over all objects: what is written in the meantime is written by the new key, so the second has nothing to do. */
const ROUNDS = 5;

/**
 * Puts a new key before those that write, has everything written by it, and takes the old ones away when nothing is under them any more. At any moment
 * every object can be read with the file as it is, so it can be killed anywhere; called again it goes on. Source of the steps: "Rotate a decryption
 * key" of Kubernetes' documentation on encrypting data at rest.
 */
export async function rotateKeys(steps: RotationSteps, { dryRun, keepOldKeys }: RotationOptions): Promise<Rotated> {
  const known = await steps.readPlan();
  const { configuration, hash } = await steps.readFile();
  // A plan whose key is not in the file was never begun: the file was not written, or somebody put another one there.
  const begun = known !== undefined && hasKey(configuration, known.newKey);
  const ended = begun && known.retired.every((key) => !hasRetired(configuration, key));
  const plan = begun ? known : newPlan(configuration, steps.now());
  const next = begun ? configuration : withNewKey(configuration, plan.newKey, steps);
  if (dryRun) return { plan, resumed: begun, objects: (await stale(steps.store, next)).length };
  if (!begun) await steps.writePlan(plan);
  await steps.taken(begun ? hash : await steps.writeFile(next));
  const objects = ended ? 0 : await rewriteAll(steps, next);
  if (!ended && !keepOldKeys) {
    await checkUnused(steps.store, next, plan);
    await steps.taken(await steps.writeFile(withoutRetired(next, plan)));
  }
  await steps.writePlan(undefined);
  return { plan, resumed: begun, objects };
}

function newPlan({ resources }: EncryptionConfiguration, nowMs: number): RotationPlan {
  const retired = new Map(
    resources.flatMap(({ providers }) => {
      const first = keyedProvider(providers[0]!);
      return first === undefined
        ? []
        : [[headFor(first.name, first.keys[0]!.name), { provider: first.name, name: first.keys[0]!.name }] as const];
    }),
  );
  if (retired.size === 0) throw new Error('no key writes: the first provider of every entry is identity');
  const taken = new Set(
    resources
      .flatMap(({ providers }) => providers.flatMap((own) => keyedProvider(own)?.keys ?? []))
      .map(({ name }) => name),
  );
  const stamp = `key-${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/\D/g, '')}`;
  let newKey = stamp;
  for (let i = 2; taken.has(newKey); i++) newKey = `${stamp}-${i}`;
  return { newKey, retired: [...retired.values()] };
}

const hasKey = ({ resources }: EncryptionConfiguration, name: string): boolean =>
  resources.some(({ providers }) => providers.some((own) => keyedProvider(own)?.keys[0]?.name === name));

const hasRetired = (
  { resources }: EncryptionConfiguration,
  { provider, name }: RotationPlan['retired'][number],
): boolean =>
  resources.some(({ providers }) => providers.some((own) => own[provider]?.keys.some((key) => key.name === name)));

/** Entries that had the same key get the same new one. */
function withNewKey(
  configuration: EncryptionConfiguration,
  name: string,
  { newSecret }: Pick<RotationSteps, 'newSecret'>,
): EncryptionConfiguration {
  const secrets = new Map<string, string>();
  const resources = configuration.resources.map((entry): EncryptedResources => {
    const [first, ...rest] = entry.providers;
    const keyed = keyedProvider(first!);
    if (keyed === undefined) return entry;
    const id = `${keyed.name} ${keyed.keys[0]!.secret}`;
    const secret = secrets.get(id) ?? newSecret();
    secrets.set(id, secret);
    return { ...entry, providers: [withKeys(keyed.name, [{ name, secret }, ...keyed.keys]), ...rest] };
  });
  return { ...configuration, resources };
}

const withKeys = (provider: KeyedProviderName, keys: readonly EncryptionKey[]): EncryptionProvider => ({
  [provider]: { keys },
});

function withoutRetired(configuration: EncryptionConfiguration, { retired }: RotationPlan): EncryptionConfiguration {
  const resources = configuration.resources.map((entry): EncryptedResources => ({
    ...entry,
    providers: entry.providers.flatMap((own) => {
      const keyed = keyedProvider(own);
      if (keyed === undefined) return [own];
      const keys = keyed.keys.filter(
        ({ name }) => !retired.some((old) => old.provider === keyed.name && old.name === name),
      );
      return keys.length === 0 ? [] : [withKeys(keyed.name, keys)];
    }),
  }));
  return { ...configuration, resources };
}

/** Objects that are not written as they would be now, of resources that a key writes. */
async function stale(store: Store, configuration: EncryptionConfiguration): Promise<StoredObject[]> {
  const writes = writingHeads(configuration);
  const found: StoredObject[] = [];
  for await (const page of storedObjects(store, configuration))
    for (const object of page) {
      const head = writes(object);
      if (head !== undefined && head !== '' && head !== object.head) found.push(object);
    }
  return found;
}

async function rewriteAll(steps: RotationSteps, configuration: EncryptionConfiguration): Promise<number> {
  let count = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const left = await stale(steps.store, configuration);
    if (left.length === 0) return count;
    const failures: string[] = [];
    const next = left.values();
    const write = async (): Promise<void> => {
      for (const object of next)
        try {
          if (await steps.touch(object)) count++;
        } catch (error) {
          failures.push(`${object.key}: ${messageOf(error)}`);
        }
    };
    await Promise.all(Array.from({ length: WRITERS }, write));
    if (failures.length > 0) throw unwritten(failures);
  }
  throw unwritten(
    (await stale(steps.store, configuration)).map(({ key }) => `${key}: it is still written by another key`),
  );
}

const SHOWN = 5;

function unwritten(failures: readonly string[]): Error {
  const more = failures.length > SHOWN ? [`and ${failures.length - SHOWN} more`] : [];
  const lines = [...failures.slice(0, SHOWN), ...more].map((line) => `\n  ${line}`).join('');
  return new Error(
    `${failures.length} objects could not be written by the new key:${lines}\nEverything can be read, and the old keys are kept; the same command goes on from here`,
  );
}

/** Also what the configuration no longer names may be under a key. */
async function checkUnused(
  store: Store,
  configuration: EncryptionConfiguration,
  { retired }: RotationPlan,
): Promise<void> {
  const heads = new Set(retired.map(({ provider, name }) => headFor(provider, name)));
  for await (const page of storedObjects(store, configuration)) {
    const under = page.find(({ head }) => heads.has(head));
    if (under !== undefined)
      throw unwritten([`${under.key}: it is under an old key, and no entry says how to write it`]);
  }
}
