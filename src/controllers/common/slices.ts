import {
  type Draft,
  type Endpoint,
  EndpointSlice,
  type EndpointSlicePort,
  equalValues,
  type OwnerReference,
  semanticEqual,
  StatusError,
} from '#api';
import type { Client } from '#client';
import { isNamespaceTerminating } from './claim.ts';
import type { OwnWrites } from './own-writes.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';

/** Endpoints that may share a slice: one address type, one set of ports. */
export interface EndpointGroup {
  readonly addressType: string;
  readonly ports: readonly EndpointSlicePort[];
  readonly endpoints: readonly Endpoint[];
}

/** What every slice of one owner has in common. */
export interface SliceOwner {
  readonly namespace: string | undefined;
  readonly generateName: string;
  readonly ownerReference: OwnerReference;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly maxEndpoints: number;
}

export interface SlicePlan {
  readonly create: readonly Draft<EndpointSlice>[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/**
 * How to get from the slices there are to slices that hold the endpoints wanted, writing as few as possible: an endpoint stays in its slice;
 * new ones fill the slices that change anyway, then one with room, then new slices. Source: k8s.io/endpointslice reconciler.go v0.36.
 */
export function planSlices(
  owner: SliceOwner,
  existing: readonly EndpointSlice[],
  groups: readonly EndpointGroup[],
): SlicePlan {
  const create: Draft<EndpointSlice>[] = [];
  const update: EndpointSlice[] = [];
  const remove: EndpointSlice[] = [];
  const left = new Set(existing);

  for (const group of groups) {
    const own = existing.filter(
      (slice) =>
        slice.addressType === group.addressType &&
        portsKey(slice.ports ?? []) === portsKey(group.ports) &&
        slice.metadata.ownerReferences?.some((ref) => ref.uid === owner.ownerReference.uid) === true,
    );
    for (const slice of own) left.delete(slice);
    planGroup(owner, own, group, { create, update, remove });
  }
  remove.push(...left);
  return reuse(owner, { create, update, remove });
}

interface MutablePlan {
  readonly create: Draft<EndpointSlice>[];
  readonly update: EndpointSlice[];
  readonly remove: EndpointSlice[];
}

function planGroup(
  owner: SliceOwner,
  existing: readonly EndpointSlice[],
  group: EndpointGroup,
  plan: MutablePlan,
): void {
  const { maxEndpoints } = owner;
  const waiting = new Map(group.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const changed: { slice: EndpointSlice; endpoints: Endpoint[] }[] = [];
  const unchanged: EndpointSlice[] = [];

  for (const slice of existing) {
    const kept: Endpoint[] = [];
    for (const endpoint of slice.endpoints ?? []) {
      const wanted = waiting.get(endpointKey(endpoint));
      if (wanted === undefined) continue;
      kept.push(wanted);
      waiting.delete(endpointKey(endpoint));
    }
    if (kept.length === 0 && (slice.endpoints?.length ?? 0) > 0) plan.remove.push(slice);
    else if (!equalValues(kept, slice.endpoints ?? []) || !sameMeta(slice, owner))
      changed.push({ slice, endpoints: kept });
    else unchanged.push(slice);
  }

  const rest = [...waiting.values()];
  for (const { endpoints } of changed.toSorted((a, b) => b.endpoints.length - a.endpoints.length)) {
    endpoints.push(...rest.splice(0, Math.max(0, maxEndpoints - endpoints.length)));
  }
  if (rest.length > 0 && rest.length < maxEndpoints) {
    const room = (slice: EndpointSlice): number => maxEndpoints - rest.length - (slice.endpoints?.length ?? 0);
    const fit = unchanged.filter((slice) => room(slice) >= 0).toSorted((a, b) => room(a) - room(b))[0];
    if (fit !== undefined) changed.push({ slice: fit, endpoints: [...(fit.endpoints ?? []), ...rest.splice(0)] });
  }
  while (rest.length > 0) plan.create.push(newSlice(owner, group, rest.splice(0, maxEndpoints)));
  for (const { slice, endpoints } of changed) plan.update.push(withMeta({ ...slice, endpoints }, owner));
  // A service without endpoints keeps one empty slice, which says so.
  if (group.endpoints.length === 0 && changed.length + unchanged.length === 0)
    plan.create.push(newSlice(owner, group, []));
}

/** A slice about to go and one about to come are one update. */
function reuse(owner: SliceOwner, { create, update, remove }: MutablePlan): SlicePlan {
  const gone: EndpointSlice[] = [];
  for (const slice of remove) {
    const ours = slice.metadata.ownerReferences?.some((ref) => ref.uid === owner.ownerReference.uid) === true;
    const at = ours ? create.findIndex((draft) => draft.addressType === slice.addressType) : -1;
    const [draft] = at < 0 ? [] : create.splice(at, 1);
    if (draft === undefined) gone.push(slice);
    else update.push(withMeta({ ...slice, endpoints: draft.endpoints, ports: draft.ports }, owner));
  }
  return { create, update, remove: gone };
}

const newSlice = (owner: SliceOwner, group: EndpointGroup, endpoints: readonly Endpoint[]): Draft<EndpointSlice> => ({
  metadata: {
    namespace: owner.namespace,
    generateName: owner.generateName,
    labels: { ...owner.labels },
    annotations: { ...owner.annotations },
    ownerReferences: [owner.ownerReference],
  },
  addressType: group.addressType,
  ports: [...group.ports],
  endpoints: [...endpoints],
});

const sameMeta = ({ metadata }: EndpointSlice, { labels, annotations }: SliceOwner): boolean =>
  semanticEqual(metadata.labels, labels) &&
  (annotations === undefined || semanticEqual(metadata.annotations, annotations));

const withMeta = (slice: EndpointSlice, { labels, annotations }: SliceOwner): EndpointSlice => ({
  ...slice,
  metadata: {
    ...slice.metadata,
    labels: { ...labels },
    ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
  },
});

export const portsKey = (ports: readonly EndpointSlicePort[]): string =>
  JSON.stringify(
    ports
      .map(({ name, port, protocol, appProtocol }) => [name ?? '', protocol ?? 'TCP', port, appProtocol])
      .toSorted(byText),
  );

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** What makes two endpoints the same one. Source: endpointset.go hashEndpoint. */
const endpointKey = ({ addresses, hostname, targetRef }: Endpoint): string =>
  JSON.stringify([addresses.toSorted(), hostname ?? '', targetRef?.namespace, targetRef?.name, targetRef?.uid]);

/** Does what the plan says; the first failure ends it. */
export async function applySlices(
  plan: SlicePlan,
  context: {
    readonly client: Client;
    readonly writes: OwnWrites<EndpointSlice>;
    readonly key: string;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { client, writes, key, signal } = context;
  for (const draft of plan.create) {
    try {
      writes.wrote(key, await client.create(EndpointSlice, draft, { signal }));
    } catch (error) {
      // Nothing can be made any more in a namespace that goes away.
      if (isNamespaceTerminating(error)) return;
      throw error;
    }
  }
  for (const slice of plan.update) writes.wrote(key, await client.update(EndpointSlice, slice, { signal }));
  for (const slice of plan.remove) {
    try {
      await client.delete(EndpointSlice, slice.metadata, { signal });
    } catch (error) {
      if (!StatusError.is(error, 'NotFound')) throw error;
    }
    writes.deleted(key, slice);
  }
}
