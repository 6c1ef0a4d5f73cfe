import { type EndpointSlice, keyOf, type Service, sliceServiceName } from '#api';
import {
  chainText,
  type Choice,
  choiceChain,
  type Collection,
  collectionNames,
  emptyTable,
  externalChain,
  LOCAL_OFFSET,
  REJECT,
  type SharedChain,
  splitChain,
  TABLE,
} from './chains.ts';
import { type Endpoint, endpointText } from './endpoints.ts';
import { type Frontend, frontendsOf, type RulesetOptions } from './frontends.ts';

/** Where an element is, its key, and its value when the collection is a map. */
type Element = readonly [collection: Collection, key: string, value: string];

interface Active {
  readonly frontend: Frontend;
  readonly elements: readonly Element[];
  readonly chains: readonly SharedChain[];
}

interface Claim {
  readonly owner: string;
  readonly frontend: Frontend;
}

/** What `nft -f` is to be told, and what it means for what the kernel remembers by itself. */
export interface Update {
  readonly text: string;
  /** An endpoint of a service with affinity is gone: clients may be bound to it still. */
  readonly affinityLost: boolean;
  /** Endpoints of UDP changed: flows may go to one that is gone. */
  readonly udpChanged: boolean;
}

const frontendKey = ({ ip, protocol, port }: Frontend): string => `${ip} . ${protocol} . ${port}`;

/**
 * The rules of all services, kept as what is in the kernel and what has changed since: {@link update} tells the difference, {@link full}
 * all of it. Services are told one by one, so that the cost of a change does not depend on how many there are.
 *
 * Two services that want one address and port: the one whose key comes first has it, the other takes over when it leaves.
 */
export class Rules {
  readonly #options: RulesetOptions;
  /** By key of the frontend, the winner first. */
  readonly #claims = new Map<string, Claim[]>();
  /** Keys of the frontends of each service. */
  readonly #owned = new Map<string, string[]>();
  readonly #active = new Map<string, Active>();
  readonly #elements = new Map<Collection, Map<string, Counted<string>>>(
    collectionNames.map((name) => [name, new Map()]),
  );
  readonly #chains = new Map<string, Counted<SharedChain>>();
  /** As it was when the kernel was last told; undefined for what was not there. */
  readonly #oldElements = new Map<Collection, Map<string, string | undefined>>();
  readonly #oldChains = new Map<string, SharedChain | undefined>();

  constructor(options: RulesetOptions) {
    this.#options = options;
  }

  /** Replaces what is known of one service; undefined when it is gone. */
  set(key: string, service: Service | undefined, slices: Iterable<EndpointSlice>): void {
    const frontends = service === undefined ? [] : frontendsOf(service, slices, this.#options);
    const byKey = new Map(frontends.map((frontend) => [frontendKey(frontend), frontend]));
    const before = this.#owned.get(key) ?? [];
    for (const at of new Set([...before, ...byKey.keys()])) this.#claim(at, key, byKey.get(at));
    if (byKey.size === 0) this.#owned.delete(key);
    else this.#owned.set(key, [...byKey.keys()]);
  }

  /** The addresses a UDP flow to this frontend may go on with; undefined when it is none, or has no endpoint to go to instead. */
  servingIPs(ip: string, port: number): readonly string[] | undefined {
    const frontend = this.#active.get(`${ip} . udp . ${port}`)?.frontend;
    return frontend === undefined || frontend.endpoints.length === 0 ? undefined : frontend.servingIPs;
  }

  /** Whether an element of the map `affinity` still leads to an endpoint. `id` as in the map `endpoints`. */
  isBound(frontend: string, id: number): boolean {
    return this.#elements.get('endpoints')?.has(`${frontend} . ${id}`) === true;
  }

  /** Replaces the table whatever was in it, in one step. */
  full(): Update {
    const chains = [...this.#chains.values()].map(({ value }) => value);
    const adds = collectionNames.map((name) => {
      const entries = [...(this.#elements.get(name) ?? [])];
      return elementsText(
        'add',
        name,
        entries.map(([key, { value }]) => (value === '' ? key : `${key} : ${value}`)),
      );
    });
    const header = `table ${TABLE}\ndelete table ${TABLE}\n${emptyTable(this.#options)}`;
    const text = `${header}${chainsText(chains)}${adds.join('')}`;
    return this.#taken(text, { affinityLost: true, udpChanged: true });
  }

  /** What has changed since the last call of this or of {@link full}; undefined when nothing has. */
  update(): Update | undefined {
    const removed: string[] = [];
    const added: string[] = [];
    const meaning = { affinityLost: false, udpChanged: false };
    for (const [name, old] of this.#oldElements) {
      const remove: string[] = [];
      const add: string[] = [];
      for (const [key, before] of old) {
        const now = this.#elements.get(name)?.get(key)?.value;
        if (now === before) continue;
        if (before !== undefined) remove.push(key);
        if (now !== undefined) add.push(now === '' ? key : `${key} : ${now}`);
        if (name === 'endpoints' && key.includes(' . udp . ')) meaning.udpChanged = true;
        if (name === 'endpoints' && now === undefined && isStableId(key)) meaning.affinityLost = true;
      }
      removed.push(elementsText('delete', name, remove));
      added.push(elementsText('add', name, add));
    }
    const newChains: SharedChain[] = [];
    const goneChains: SharedChain[] = [];
    for (const [name, before] of this.#oldChains) {
      const now = this.#chains.get(name)?.value;
      if (before === undefined && now !== undefined) newChains.push(now);
      if (before !== undefined && now === undefined) goneChains.push(before);
    }
    const deletes = inOrder(goneChains).toReversed();
    const text = [
      chainsText(newChains),
      ...removed,
      ...added,
      ...deletes.map(({ name }) => `delete chain ${TABLE} ${name}\n`),
    ].join('');
    const update = this.#taken(text, meaning);
    return text === '' ? undefined : update;
  }

  #taken(text: string, { affinityLost, udpChanged }: Omit<Update, 'text'>): Update {
    this.#oldElements.clear();
    this.#oldChains.clear();
    return { text, affinityLost, udpChanged };
  }

  #claim(at: string, owner: string, frontend: Frontend | undefined): void {
    const claims = (this.#claims.get(at) ?? []).filter((claim) => claim.owner !== owner);
    if (frontend !== undefined) claims.push({ owner, frontend });
    claims.sort((a, b) => (a.owner < b.owner ? -1 : 1));
    if (claims.length === 0) this.#claims.delete(at);
    else this.#claims.set(at, claims);
    this.#activate(at, claims[0]?.frontend);
  }

  #activate(at: string, frontend: Frontend | undefined): void {
    const before = this.#active.get(at);
    if (before?.frontend === frontend) return;
    for (const element of before?.elements ?? []) this.#count(element, -1);
    for (const chain of before?.chains ?? []) this.#countChain(chain, -1);
    if (frontend === undefined) {
      this.#active.delete(at);
      return;
    }
    const now = realize(at, frontend, this.#options.clusterCIDR);
    this.#active.set(at, now);
    for (const element of now.elements) this.#count(element, 1);
    for (const chain of now.chains) this.#countChain(chain, 1);
  }

  #count([collection, key, value]: Element, by: 1 | -1): void {
    const elements = this.#elements.get(collection);
    const entry = elements?.get(key);
    let old = this.#oldElements.get(collection);
    if (old === undefined) this.#oldElements.set(collection, (old = new Map()));
    if (!old.has(key)) old.set(key, entry?.value);
    const count = (entry?.count ?? 0) + by;
    if (count === 0) elements?.delete(key);
    else elements?.set(key, { value, count });
  }

  #countChain(chain: SharedChain, by: 1 | -1): void {
    const entry = this.#chains.get(chain.name);
    if (!this.#oldChains.has(chain.name)) this.#oldChains.set(chain.name, entry?.value);
    const count = (entry?.count ?? 0) + by;
    if (count === 0) this.#chains.delete(chain.name);
    else this.#chains.set(chain.name, { value: chain, count });
  }
}

interface Counted<T> {
  readonly value: T;
  readonly count: number;
}

/** One frontend as elements and chains. */
function realize(at: string, frontend: Frontend, clusterCIDR: string): Active {
  const { endpoints, local, scope, unreachable, affinitySeconds, allowedSources } = frontend;
  const elements: Element[] = [];
  const chain = entryChain(frontend, clusterCIDR);
  if (chain !== undefined) {
    elements.push(['services', at, `goto ${chain.name}`]);
    elements.push(...(affinitySeconds === 0 ? endpointElements : affinityElements)(at, endpoints, local ?? []));
    for (const ip of frontend.ownIPs) elements.push(['own-endpoints', `${ip} . ${ip}`, '']);
  }
  if (unreachable !== undefined) elements.push(['no-endpoints', at, unreachable === 'drop' ? 'drop' : REJECT]);
  if (scope === 'internal') elements.push(['cluster-ips', frontend.ip, '']);
  if (allowedSources !== undefined) {
    elements.push(['firewalled', at, '']);
    for (const cidr of allowedSources) elements.push(['firewall-allowed', `${at} . ${cidr}`, '']);
  }
  return { frontend, elements, chains: chain === undefined ? [] : withNeeds(chain) };
}

function entryChain(
  { endpoints, local, scope, affinitySeconds }: Frontend,
  clusterCIDR: string,
): SharedChain | undefined {
  if (endpoints.length === 0 && (local ?? []).length === 0) return undefined;
  const all: Choice = { count: endpoints.length, local: false, affinitySeconds };
  if (local !== undefined) return splitChain(all, { count: local.length, local: true, affinitySeconds }, clusterCIDR);
  return scope === 'internal' ? choiceChain(all) : externalChain(all);
}

function endpointElements(at: string, all: readonly Endpoint[], local: readonly Endpoint[]): Element[] {
  const element = ({ ip, port }: Endpoint, index: number): Element => [
    'endpoints',
    `${at} . ${index}`,
    `${ip} . ${port}`,
  ];
  return [
    ...all.map((endpoint, i) => element(endpoint, i + 1)),
    ...local.map((endpoint, i) => element(endpoint, LOCAL_OFFSET + i + 1)),
  ];
}

/** With affinity an endpoint has an id that stays while others come and go; what is chosen by index is turned into it. */
function affinityElements(at: string, all: readonly Endpoint[], local: readonly Endpoint[]): Element[] {
  const ids = new Map<number, Endpoint>();
  const idOf = new Map<string, number>();
  for (const endpoint of [...all, ...local]) {
    const text = endpointText(endpoint);
    if (idOf.has(text)) continue;
    let id = stableId(text);
    while (ids.has(id)) id = id === 0xffff_ffff ? FIRST_STABLE_ID : id + 1;
    ids.set(id, endpoint);
    idOf.set(text, id);
  }
  const choice = (endpoint: Endpoint, index: number): Element => [
    'affinity-choices',
    `${at} . ${index}`,
    String(idOf.get(endpointText(endpoint))),
  ];
  return [
    ...[...ids].map(([id, { ip, port }]): Element => ['endpoints', `${at} . ${id}`, `${ip} . ${port}`]),
    ...all.map((endpoint, i) => choice(endpoint, i + 1)),
    ...local.map((endpoint, i) => choice(endpoint, LOCAL_OFFSET + i + 1)),
  ];
}

/** Above every index. */
const FIRST_STABLE_ID = 2 ** 31;

const isStableId = (key: string): boolean => Number(key.slice(key.lastIndexOf(' ') + 1)) >= FIRST_STABLE_ID;

/** FNV-1a. */
function stableId(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return FIRST_STABLE_ID + ((hash >>> 0) % FIRST_STABLE_ID);
}

/** What is needed comes before what needs it. */
const withNeeds = (chain: SharedChain): SharedChain[] => [...new Set([...chain.needs.flatMap(withNeeds), chain])];

/** Each chain after those it goes to, and once. */
function inOrder(chains: readonly SharedChain[]): SharedChain[] {
  const wanted = new Set(chains.map(({ name }) => name));
  const ordered = new Map<string, SharedChain>();
  for (const chain of chains)
    for (const each of withNeeds(chain)) if (wanted.has(each.name)) ordered.set(each.name, each);
  return [...ordered.values()];
}

function chainsText(chains: readonly SharedChain[]): string {
  return chains.length === 0 ? '' : `table ${TABLE} {\n${inOrder(chains).map(chainText).join('\n')}\n}\n`;
}

function elementsText(verb: 'add' | 'delete', name: Collection, elements: readonly string[]): string {
  return elements.length === 0 ? '' : `${verb} element ${TABLE} ${name} { ${elements.join(', ')} }\n`;
}

/** The rules of a whole cluster at once. */
export function ruleset(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  options: RulesetOptions,
): Rules {
  const rules = new Rules(options);
  const ofService = Map.groupBy(slices, (slice) => `${slice.metadata.namespace}/${sliceServiceName(slice)}`);
  for (const service of services.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)))
    rules.set(keyOf(service), service, ofService.get(keyOf(service)) ?? []);
  return rules;
}
