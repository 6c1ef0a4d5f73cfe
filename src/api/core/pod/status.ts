/** What a status update of a pod has to heed. Source: ValidatePodStatusUpdate in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, duplicate, forbiddenField, index, invalid } from '../../field-error.ts';
import type { ContainerStatus, Pod, PodCondition, PodIP, PodStatus } from '../../generated/core.v1.ts';
import type { Unchecked } from '../../validation/fields.ts';
import { eachOf, invalidEach, Seen, validateImmutable, validateQualifiedName } from '../../validation/fields.ts';
import { ipFamily, validateIP } from '../../validation/ip.ts';
import { isUnixID, nameIsDNSSubdomain } from '../../validation/names.ts';
import { isRestartableInitContainer } from './resources.ts';
import { validateAnnotationUpdates } from './update.ts';

const SYSTEM_CONDITIONS = ['Initialized', 'PodScheduled', 'Ready'];

export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const [status, oldStatus] = [pod.status, old.status];
  const { restartPolicy = 'Always', initContainers = [] } = old.spec;
  const sidecars = new Set(initContainers.filter(isRestartableInitContainer).map(({ name }) => name));
  const nominated = status.nominatedNodeName ?? '';
  return [
    ...validateAnnotationUpdates(pod, old),
    ...eachOf(status.conditions, 'metadata.conditions', ({ type = '' }: Unchecked<PodCondition>, at) =>
      SYSTEM_CONDITIONS.includes(type) ? [] : validateQualifiedName(type, child(at, 'Type')),
    ),
    ...(nominated !== '' && nominated !== oldStatus.nominatedNodeName
      ? invalidEach('status.nominatedNodeName', nominated, nameIsDNSSubdomain(nominated, false))
      : []),
    ...validateImmutable(status.qosClass ?? '', oldStatus.qosClass ?? '', 'status.qosClass'),
    ...staysTerminated(status, oldStatus, 'containerStatuses', restartPolicy, new Set()),
    ...staysTerminated(status, oldStatus, 'initContainerStatuses', restartPolicy, sidecars),
    // The kubelet never restarts ephemeral containers.
    ...staysTerminated(status, oldStatus, 'ephemeralContainerStatuses', 'Never', new Set()),
    ...validateAddresses(status.podIPs, 'status.podIPs'),
    ...validateHostIPs(status),
    ...STATUS_LISTS.flatMap((list) => eachOf(status[list], child('status', list), validateUser)),
  ];
}

const STATUS_LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;

/** A container that has ended for good may not come back. */
function staysTerminated(
  status: PodStatus,
  old: PodStatus,
  list: (typeof STATUS_LISTS)[number],
  restartPolicy: string,
  sidecars: ReadonlySet<string>,
): FieldError[] {
  if (restartPolicy === 'Always') return [];
  return eachOf(old[list], child('status', list), ({ name, state }, at) => {
    const ended = state?.terminated;
    if (ended === undefined || sidecars.has(name)) return [];
    if (ended.exitCode !== 0 && restartPolicy === 'OnFailure') return [];
    const now = (status[list] ?? []).find((container) => container.name === name);
    return now !== undefined && now.state?.terminated === undefined
      ? [forbiddenField(child(at, 'state'), 'may not be transitioned to non-terminated state')]
      : [];
  });
}

function validateAddresses(addresses: readonly { ip: string }[] = [], path: string): FieldError[] {
  const errors = eachOf(addresses, path, ({ ip = '' }: Unchecked<PodIP>, at) => validateIP(ip, at));
  if (addresses.length <= 1) return errors;
  const families = new Set(addresses.map(({ ip }) => ipFamily(ip)));
  if (families.size < 2 || addresses.length > 2) {
    errors.push(invalid(path, addresses, 'may specify no more than one IP for each IP family'));
  }
  const seen = new Seen();
  for (const [i, address] of addresses.entries()) {
    if (!seen.add(address.ip)) errors.push(duplicate(index(path, i), address));
  }
  return errors;
}

function validateHostIPs({ hostIP = '', hostIPs = [] }: PodStatus): FieldError[] {
  const [first] = hostIPs;
  if (first === undefined) return [];
  return [
    ...(first.ip === hostIP ? [] : [invalid('status.hostIPs[0].ip', first.ip, 'must be equal to `hostIP`')]),
    ...validateAddresses(hostIPs, 'status.hostIPs'),
  ];
}

function validateUser({ user }: ContainerStatus, path: string): FieldError[] {
  const linux = user?.linux;
  if (linux === undefined) return [];
  const at = child(path, 'linux');
  return [
    ...invalidEach(child(at, 'uid'), linux.uid, isUnixID(linux.uid)),
    ...invalidEach(child(at, 'gid'), linux.gid, isUnixID(linux.gid)),
    ...eachOf(linux.supplementalGroups, child(at, 'supplementalGroups'), (id, i) => invalidEach(i, id, isUnixID(id))),
  ];
}
