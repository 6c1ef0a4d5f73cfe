/** Families of addresses a Service has. Source: initIPFamilyFields and around in pkg/registry/core/service/storage/alloc.go v1.36. */
import {
  equalValues,
  type FieldError,
  index,
  invalid,
  invalidObject,
  ipFamily,
  type IPFamily,
  type Service,
  validateClusterIPs,
} from '#api';

const POLICY = 'spec.ipFamilyPolicy';
const SINGLE = 'SingleStack';
const PREFER = 'PreferDualStack';
const REQUIRE = 'RequireDualStack';
const NONE = 'None';
const WITH_ADDRESS: readonly (string | undefined)[] = ['ClusterIP', 'NodePort', 'LoadBalancer'];

const otherFamily = (family: string | undefined): IPFamily => (family === 'IPv4' ? 'IPv6' : 'IPv4');

const isHeadless = ({ spec }: Service): boolean => spec.clusterIPs?.[0] === NONE || spec.clusterIP === NONE;
const hasSelector = ({ spec }: Service): boolean => Object.keys(spec.selector ?? {}).length > 0;
const sameIPs = (a: Service, b: Service): boolean => equalValues(a.spec.clusterIPs ?? [], b.spec.clusterIPs ?? []);
const sameFamilies = (a: Service, b: Service): boolean => equalValues(a.spec.ipFamilies ?? [], b.spec.ipFamilies ?? []);

function refuse(service: Service, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject({ group: '', kind: 'Service' }, service.metadata.name, [...errors]);
}

/**
 * A Service that prefers two families neither gets nor loses one because the cluster's change; only when its policy or its addresses do.
 * Source: isMatchingPreferDualStackClusterIPFields.
 */
export function keepsFamilies(service: Service, old: Service | undefined): boolean {
  if (old === undefined || old.spec.type !== service.spec.type) return false;
  const { type, ipFamilyPolicy } = service.spec;
  return (
    WITH_ADDRESS.includes(type) &&
    ipFamilyPolicy === PREFER &&
    (old.spec.ipFamilyPolicy ?? PREFER) === PREFER &&
    sameIPs(service, old) &&
    sameFamilies(service, old)
  );
}

/** Fills in policy and families, which changes `service`. `configured`: what the cluster has, its default first. Throws StatusError. */
export function initFamilies(service: Service, old: Service | undefined, configured: readonly IPFamily[]): void {
  const { spec } = service;
  if (spec.type === 'ExternalName' || keepsFamilies(service, old)) return;
  const isOpen = isHeadless(service) && !hasSelector(service);
  spec.ipFamilyPolicy ??= old?.spec.ipFamilyPolicy ?? (isOpen ? REQUIRE : SINGLE);
  refuse(service, validateClusterIPs(service, old));

  const errors = old === undefined ? [] : releaseSecond(service, old);
  errors.push(...tooManyForOne(service));
  errors.push(...inferFamilies(service, configured));
  refuse(service, errors);

  spec.ipFamilies ??= [];
  if (isOpen) {
    // Its endpoints are anybody's, of whatever family.
    if (spec.ipFamilies.length === 0) spec.ipFamilies = [configured[0]!];
    addSecond(service);
    return;
  }
  refuse(service, notConfigured(service, configured));
  if (spec.ipFamilies.length === 0) spec.ipFamilies = [configured[0]!];
  if (configured.length === 2) addSecond(service);
}

function addSecond({ spec }: Service): void {
  const families = spec.ipFamilies ?? [];
  if (spec.ipFamilyPolicy !== SINGLE && families.length === 1)
    spec.ipFamilies = [...families, otherFamily(families[0])];
}

/** What asks for one family lets go of the second; else less is an error. */
function releaseSecond(service: Service, old: Service): FieldError[] {
  const { spec } = service;
  const { clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  if (ipFamilyPolicy === SINGLE) {
    if (sameIPs(old, service) && clusterIPs.length > 1) spec.clusterIPs = clusterIPs.slice(0, 1);
    if (sameFamilies(old, service) && ipFamilies.length > 1) spec.ipFamilies = ipFamilies.slice(0, 1);
    return [];
  }
  const reduced = (now: readonly string[], before: readonly string[] = []): boolean =>
    now.length > 0 && now.length < before.length;
  const error = (what: string): FieldError =>
    invalid(POLICY, ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`);
  return [
    ...(reduced(clusterIPs, old.spec.clusterIPs) ? [error('cluster IP')] : []),
    ...(reduced(ipFamilies, old.spec.ipFamilies) ? [error('IP family')] : []),
  ];
}

function tooManyForOne({ spec: { clusterIPs = [], ipFamilies = [], ipFamilyPolicy } }: Service): FieldError[] {
  if (ipFamilyPolicy !== SINGLE) return [];
  const error = (what: string): FieldError =>
    invalid(
      POLICY,
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  return [
    ...(clusterIPs.length === 2 ? [error('cluster IPs')] : []),
    ...(ipFamilies.length === 2 ? [error('IP families')] : []),
  ];
}

/** Whoever chose addresses need not say of which families they are. */
function inferFamilies({ spec }: Service, configured: readonly IPFamily[]): FieldError[] {
  const errors: FieldError[] = [];
  const clusterIPs = spec.clusterIPs ?? [];
  for (const [i, ip] of clusterIPs.entries()) {
    if (ip === NONE) break;
    const families = spec.ipFamilies ?? [];
    if (i < families.length) continue;
    const family = ipFamily(ip);
    if (family !== undefined && configured.includes(family)) spec.ipFamilies = [...families, family];
    else errors.push(invalid(index('spec.clusterIPs', i), clusterIPs, `${family} is not configured on this cluster`));
  }
  return errors;
}

function notConfigured({ spec }: Service, configured: readonly IPFamily[]): FieldError[] {
  const known: readonly string[] = configured;
  const single = spec.ipFamilyPolicy === REQUIRE && configured.length < 2;
  return [
    ...(single ? [invalid(POLICY, REQUIRE, 'this cluster is not configured for dual-stack services')] : []),
    ...(spec.ipFamilies ?? []).flatMap((family, i) =>
      known.includes(family) ? [] : [invalid(index('spec.ipFamilies', i), family, 'not configured on this cluster')],
    ),
  ];
}
