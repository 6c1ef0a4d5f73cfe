/** Cluster IPs and families of services. Source: ValidateServiceClusterIPsRelatedFields and around in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import { duplicate, index, invalid, notSupported, required } from '../../field-error.ts';
import type { Service } from '../../generated/core.v1.ts';
import { Seen, validateOptionalEnum } from '../../validation/fields.ts';
import { ipFamily, validateIP } from '../../validation/ip.ts';

export const NONE = 'None';
const CLUSTER_IPS = 'spec.clusterIPs';
const FAMILIES = ['IPv4', 'IPv6'];
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

/** Without an address of its own: names resolve to the endpoints. */
export const isHeadless = ({ spec: { clusterIPs = [] } }: Service): boolean =>
  clusterIPs.length === 1 && clusterIPs[0] === NONE;

export const isExternalName = ({ spec }: Service): boolean => spec.type === 'ExternalName';

/** Clients set clusterIP or clusterIPs; the other one follows. Source: NormalizeClusterIPs in pkg/registry/core/service/strategy.go v1.36. */
export function normalizeClusterIPs({ spec }: Service, old: Service | undefined): void {
  if (old === undefined) {
    if ((spec.clusterIP ?? '') !== '' && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [spec.clusterIP!];
    return;
  }
  const same = (a: readonly string[] = [], b: readonly string[] = []): boolean => a.join() === b.join();
  const [now, before] = [spec.clusterIP ?? '', old.spec.clusterIP ?? ''];
  if (now !== before) {
    // An old client cleared or changed clusterIP alone.
    if (now === '' && before !== '' && same(spec.clusterIPs, old.spec.clusterIPs)) delete spec.clusterIPs;
    else if (now !== '' && same(spec.clusterIPs, old.spec.clusterIPs)) spec.clusterIPs = [now];
  } else if (!same(spec.clusterIPs, old.spec.clusterIPs) && (spec.clusterIPs ?? []).length === 0) {
    // An old client knows nothing of clusterIPs.
    if (now !== '') spec.clusterIPs = [now];
  }
}

export function validateClusterIPs(service: Service, old: Service | undefined): FieldError[] {
  if (isExternalName(service)) return [];
  const { clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = service.spec;
  const errors: FieldError[] = [];
  if (clusterIP === '') {
    if (clusterIPs.length > 0) {
      errors.push(invalid(CLUSTER_IPS, clusterIPs, 'must be empty when `clusterIP` is not specified'));
    }
  } else if (clusterIPs.length === 0) errors.push(required(CLUSTER_IPS));
  else if (clusterIPs[0] !== clusterIP) {
    errors.push(invalid(CLUSTER_IPS, clusterIPs, 'first value must match `clusterIP`'));
  }
  const seen = new Seen();
  for (const [i, family] of ipFamilies.entries()) {
    const at = index('spec.ipFamilies', i);
    if (!FAMILIES.includes(family)) errors.push(notSupported(at, family, FAMILIES));
    if (!seen.add(family)) errors.push(duplicate(at, family));
  }
  errors.push(...validateOptionalEnum(ipFamilyPolicy, POLICIES, 'spec.ipFamilyPolicy'));
  return [...errors, ...validateAddresses(service, old?.spec.clusterIPs ?? [])];
}

function validateAddresses(service: Service, existing: readonly string[]): FieldError[] {
  const { clusterIPs = [], ipFamilies = [] } = service.spec;
  const errors: FieldError[] = [];
  let wrong = false;
  for (const [i, ip] of clusterIPs.entries()) {
    if (i === 0 && ip === NONE) {
      if (clusterIPs.length === 1) continue;
      wrong = true;
      errors.push(invalid(CLUSTER_IPS, clusterIPs, "'None' must be the first and only value"));
      continue;
    }
    const own = validateIP(ip, index(CLUSTER_IPS, i), existing);
    wrong ||= own.length > 0;
    errors.push(...own);
  }
  if (clusterIPs.length > 2) errors.push(invalid(CLUSTER_IPS, clusterIPs, 'may only hold up to 2 values'));
  if (wrong) return errors;
  if (clusterIPs.length > 1 && new Set(clusterIPs.map(ipFamily)).size < 2) {
    errors.push(invalid(CLUSTER_IPS, clusterIPs, 'may specify no more than one IP for each IP family'));
  }
  if (isHeadless(service)) return errors;
  for (const [i, ip] of clusterIPs.entries()) {
    const expected = ipFamilies[i];
    if (expected === undefined || !FAMILIES.includes(expected) || expected === ipFamily(ip)) continue;
    const why = `expected an ${expected} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(invalid(index(CLUSTER_IPS, i), ip, why));
  }
  return errors;
}

/** Addresses stay what they are; a second one may come and go. */
export function validateClusterIPsUpdate(service: Service, old: Service): FieldError[] {
  if (isExternalName(service) || isExternalName(old)) return [];
  const [now, before] = [service.spec.clusterIPs ?? [], old.spec.clusterIPs ?? []];
  const [headless, wasHeadless] = [isHeadless(service), isHeadless(old)];
  const errors: FieldError[] = [];
  if (!(headless && wasHeadless)) {
    const unset = 'primary clusterIP can not be unset';
    errors.push(...validateListUpdate(service.spec.clusterIPs, before, CLUSTER_IPS, unset));
    errors.push(...validateRelease(service, now, before, 'clusterIP'));
  }
  if (!headless && !wasHeadless) {
    const [families, oldFamilies] = [service.spec.ipFamilies ?? [], old.spec.ipFamilies ?? []];
    const unset = 'primary ipFamily can not be unset';
    errors.push(...validateListUpdate(service.spec.ipFamilies, oldFamilies, 'spec.ipFamilies', unset));
    errors.push(...validateRelease(service, families, oldFamilies, 'ipFamily'));
  }
  return errors;
}

function validateListUpdate(
  given: readonly string[] | undefined,
  before: readonly string[],
  path: string,
  unset: string,
): FieldError[] {
  const now = given ?? [];
  const changed = (i: number): FieldError => invalid(index(path, i), now, 'may not change once set');
  if (now.length === before.length) {
    return before.flatMap((value, i) => (value === now[i] ? [] : [changed(path === CLUSTER_IPS ? i : 0)]));
  }
  if (now.length === 0) return [invalid(index(path, 0), given, unset)];
  return before.length > 0 && now[0] !== before[0] ? [changed(0)] : [];
}

function validateRelease(
  { spec }: Service,
  now: readonly string[],
  before: readonly string[],
  what: string,
): FieldError[] {
  if (before.length <= now.length || now.length !== 1 || spec.ipFamilyPolicy === 'SingleStack') return [];
  const why = `must be set to 'SingleStack' when releasing the secondary ${what}`;
  return [invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, why)];
}
