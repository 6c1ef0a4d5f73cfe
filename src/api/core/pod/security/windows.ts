/** Pods and containers on Windows. Source: validateWindows, validateWindowsSecurityContextOptions, validateWindowsHostProcessPod in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../../field-error.ts';
import { child, forbiddenField, invalid } from '../../../field-error.ts';
import type {
  PodSecurityContext,
  PodSpec,
  SecurityContext,
  WindowsSecurityContextOptions,
} from '../../../generated/core.v1.ts';
import { invalidEach } from '../../../validation/fields.ts';
import { byteLength, isDNS1123Subdomain } from '../../../validation/names.ts';
import { visitContainers } from '../visit.ts';

const SPEC_MAX_KIB = 64;
const DOMAIN_LIMIT = 256;
const USER_MAX = 104;
// oxlint-disable-next-line no-control-regex -- Control characters are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f]/;
const NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DNS_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const DNS = new RegExp(`^${DNS_LABEL}(?:\\.${DNS_LABEL})*$`);
const BAD_USER = /["/\\:;|=,+*?<>@[\]]/;

/** Length of a text in bytes stays below what Windows takes. */
export function validateWindowsOptions(options: WindowsSecurityContextOptions | undefined, path: string): FieldError[] {
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName: user } = options ?? {};
  const specPath = child(path, 'gmsaCredentialSpec');
  const errors: FieldError[] = [];
  if (name !== undefined) {
    errors.push(...invalidEach(child(path, 'gmsaCredentialSpecName'), name, isDNS1123Subdomain(name)));
  }
  if (spec === '') errors.push(invalid(specPath, spec, 'gmsaCredentialSpec cannot be an empty string'));
  else if (spec !== undefined && byteLength(spec) > SPEC_MAX_KIB * 1024) {
    errors.push(invalid(specPath, spec, `gmsaCredentialSpec size must be under ${SPEC_MAX_KIB} KiB`));
  }
  if (user === undefined) return errors;
  return [...errors, ...invalidEach(child(path, 'runAsUserName'), user, userNameErrors(user))];
}

/** `DOMAIN\user`, or the user alone. */
function userNameErrors(text: string): string[] {
  if (text === '') return ['runAsUserName cannot be an empty string'];
  if (CONTROL.test(text)) return ['runAsUserName cannot contain control characters'];
  const parts = text.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const [domain, user = ''] = parts.length === 2 ? parts : [undefined, ...parts];
  const errors: string[] = [];
  if (domain !== undefined) {
    if (byteLength(domain) >= DOMAIN_LIMIT) {
      errors.push(`runAsUserName's Domain length must be under ${DOMAIN_LIMIT} characters`);
    }
    if (!NETBIOS.test(domain) && !DNS.test(domain)) {
      errors.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
    }
  }
  if (user === '') errors.push("runAsUserName's User cannot be empty");
  else if (byteLength(user) > USER_MAX) {
    errors.push(`runAsUserName's User length must not be longer than ${USER_MAX} characters`);
  }
  if (/^[. ]+$/.test(user)) errors.push("runAsUserName's User cannot contain only periods or spaces");
  if (BAD_USER.test(user)) {
    errors.push('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]');
  }
  return errors;
}

/** Either all containers are processes of the host, or none is. */
export function validateHostProcess(spec: PodSpec, path: string): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  let containers = 0;
  let hostProcesses = 0;
  const errors = visitContainers(spec, path, ({ securityContext }, at) => {
    const own = securityContext?.windowsOptions?.hostProcess;
    containers++;
    if (own ?? ofPod ?? false) hostProcesses++;
    if (ofPod === undefined || own === undefined || own === ofPod) return [];
    const why = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
    return [invalid(child(at, 'securityContext', 'windowsOptions', 'hostProcess'), own, why)];
  });
  if (hostProcesses === 0) return errors;
  if (hostProcesses !== containers) {
    const why = 'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    errors.push(invalid(path, '', why));
  }
  if (spec.hostNetwork !== true) {
    const why = 'hostNetwork must be true if pod contains any hostProcess containers';
    errors.push(invalid(child(path, 'hostNetwork'), false, why));
  }
  return errors;
}

/** Where a field stands in a pod of v1: in its spec, or in the security context. */
const POD_FIELDS = [
  ['securityContext', 'appArmorProfile'],
  ['securityContext', 'seLinuxOptions'],
  ['spec', 'hostUsers'],
  ['spec', 'hostPID'],
  ['spec', 'hostIPC'],
  ['securityContext', 'seccompProfile'],
  ['securityContext', 'fsGroup'],
  ['securityContext', 'fsGroupChangePolicy'],
  ['securityContext', 'sysctls'],
  ['spec', 'shareProcessNamespace'],
  ['securityContext', 'runAsUser'],
  ['securityContext', 'runAsGroup'],
  ['securityContext', 'supplementalGroups'],
  ['securityContext', 'supplementalGroupsPolicy'],
  ['securityContext', 'seLinuxChangePolicy'],
] as const satisfies readonly (
  | readonly ['spec', keyof PodSpec]
  | readonly ['securityContext', keyof PodSecurityContext]
)[];

const CONTAINER_FIELDS: readonly (keyof SecurityContext)[] = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
];
/** Fields whose false is as good as absent. */
const PLAIN: readonly string[] = ['hostPID', 'hostIPC'];

/** Windows knows nothing of these. */
export function validateWindows(spec: PodSpec, path: string): FieldError[] {
  const why = 'cannot be set for a windows pod';
  const context = spec.securityContext;
  const isSet = (field: string, value: unknown): boolean =>
    PLAIN.includes(field) ? value === true : value !== undefined && (field !== 'sysctls' || !isEmpty(value));
  return [
    ...POD_FIELDS.flatMap(([where, field]) => {
      const value: unknown = where === 'spec' ? spec[field] : context?.[field];
      if (!isSet(field, value)) return [];
      return [forbiddenField(where === 'spec' ? child(path, field) : child(path, where, field), why)];
    }),
    ...visitContainers(spec, path, ({ securityContext }, at) =>
      CONTAINER_FIELDS.filter((field) => securityContext?.[field] !== undefined).map((field) =>
        forbiddenField(child(at, 'securityContext', field), why),
      ),
    ),
  ];
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** And Linux nothing of that. */
export function validateLinux(spec: PodSpec, path: string): FieldError[] {
  const why = 'windows options cannot be set for a linux pod';
  const wrong = (context: { windowsOptions?: unknown } | undefined, at: string): FieldError[] =>
    context?.windowsOptions === undefined ? [] : [forbiddenField(child(at, 'securityContext', 'windowsOptions'), why)];
  return [
    ...wrong(spec.securityContext, path),
    ...visitContainers(spec, path, ({ securityContext }, at) => wrong(securityContext, at)),
  ];
}
