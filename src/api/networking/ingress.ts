import type { FieldError } from '../field-error.ts';
import { child, index, invalid, notSupported, required } from '../field-error.ts';
import type { TypedLocalObjectReference } from '../generated/core.v1.ts';
import type * as networking from '../generated/networking.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { eachOf, invalidEach, unchecked, validateDNS1123Subdomain } from '../validation/fields.ts';
import { isAnyIP, validateIP, ipWarnings } from '../validation/ip.ts';
import { semanticEqual } from '../validation/equal.ts';
import {
  isDNS1123Subdomain,
  isPathSegmentName,
  isPortName,
  isPortNumber,
  isWildcardDNS1123Subdomain,
  nameIsDNSLabel,
  nameIsDNSSubdomain,
} from '../validation/names.ts';

export type Ingress = networking.Ingress;

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const BAD_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const BAD_SUFFIXES = ['/..', '/.'];
const MAX_HOSTS = 3;

const isWrongSecret = ({ secretName = '' }: networking.IngressTLS): boolean =>
  secretName !== '' && nameIsDNSSubdomain(secretName, false).length > 0;

/** What was wrong with the secrets and wildcard hosts of an old ingress may stay wrong. */
function validateIngress({ spec }: Ingress, before?: Ingress): FieldError[] {
  const old = before?.spec;
  const anySecret = old?.tls?.some(isWrongSecret) === true;
  const anyWildcard =
    old?.rules?.some(({ host = '', http }) => host.includes('*') && validatePaths(http, '').length > 0) === true;
  const { rules = [], defaultBackend, tls, ingressClassName } = spec;
  return [
    ...(rules.length === 0 && defaultBackend === undefined
      ? [invalid('spec', spec.rules, 'either `defaultBackend` or `rules` must be specified')]
      : []),
    ...(defaultBackend === undefined ? [] : validateBackend(defaultBackend, 'spec.defaultBackend')),
    ...eachOf(rules, 'spec.rules', (rule, at) => validateRule(rule, at, anyWildcard)),
    ...eachOf(tls, 'spec.tls', (item, at) => validateTLS(item, at, anySecret)),
    ...(ingressClassName === undefined
      ? []
      : invalidEach('spec.ingressClassName', ingressClassName, nameIsDNSSubdomain(ingressClassName, false))),
  ];
}

const hostErrors = (host: string, path: string): FieldError[] =>
  invalidEach(path, host, host.includes('*') ? isWildcardDNS1123Subdomain(host) : isDNS1123Subdomain(host));

function validateTLS(tls: networking.IngressTLS, path: string, anySecret: boolean): FieldError[] {
  const { hosts, secretName = '' } = tls;
  return [
    ...eachOf(hosts, child(path, 'hosts'), hostErrors),
    ...(secretName === '' || anySecret
      ? []
      : invalidEach(child(path, 'secretName'), secretName, nameIsDNSSubdomain(secretName, false))),
  ];
}

function validateRule({ host = '', http }: networking.IngressRule, path: string, anyWildcard: boolean): FieldError[] {
  const at = child(path, 'host');
  const errors: FieldError[] = [];
  if (host !== '') {
    if (isAnyIP(host)) errors.push(invalid(at, host, 'must be a DNS name, not an IP address'));
    errors.push(...hostErrors(host, at));
  }
  return anyWildcard && host.includes('*') ? errors : [...errors, ...validatePaths(http, path)];
}

function validatePaths(http: networking.HTTPIngressRuleValue | undefined, path: string): FieldError[] {
  if (http === undefined) return [];
  const paths = unchecked(http).paths ?? [];
  const pathsAt = child(path, 'http', 'paths');
  return [...(paths.length === 0 ? [required(pathsAt)] : []), ...eachOf(paths, pathsAt, validatePath)];
}

function validatePath(sent: networking.HTTPIngressPath, path: string): FieldError[] {
  const { pathType, path: text = '', backend } = unchecked(sent);
  const at = child(path, 'path');
  if (pathType === undefined) return [required(child(path, 'pathType'), 'pathType must be specified')];
  const errors: FieldError[] = [];
  const exact = pathType === 'Exact' || pathType === 'Prefix';
  if (!PATH_TYPES.includes(pathType)) errors.push(notSupported(child(path, 'pathType'), pathType, PATH_TYPES));
  else if (!text.startsWith('/') && (exact || text !== '')) {
    errors.push(invalid(at, text, 'must be an absolute path'));
  }
  if (exact) {
    for (const bad of BAD_SEQUENCES) {
      if (text.includes(bad)) errors.push(invalid(at, text, `must not contain '${bad}'`));
    }
    for (const bad of BAD_SUFFIXES) {
      if (text.endsWith(bad)) errors.push(invalid(at, text, `cannot end with '${bad}'`));
    }
  }
  return [...errors, ...validateBackend(backend ?? {}, child(path, 'backend'))];
}

function validateBackend({ resource, service }: networking.IngressBackend, path: string): FieldError[] {
  if (resource !== undefined && service !== undefined) {
    return [invalid(path, '', 'cannot set both resource and service backends')];
  }
  if (resource !== undefined) return validateReference(resource, child(path, 'resource'));
  if (service === undefined) return [invalid(path, '', 'resource or service backend is required')];
  const { name = '', port = {} } = unchecked(service);
  const [namePath, portPath] = [child(path, 'service', 'name'), child(path, 'service', 'port')];
  const { name: portName = '', number = 0 } = port;
  const errors = name === '' ? [required(namePath)] : invalidEach(namePath, name, nameIsDNSLabel(name, false));
  if (portName !== '' && number !== 0) {
    errors.push(invalid(path, '', 'cannot set both port name & port number'));
  } else if (portName !== '') errors.push(...invalidEach(child(portPath, 'name'), portName, isPortName(portName)));
  else if (number !== 0) errors.push(...invalidEach(child(portPath, 'number'), number, isPortNumber(number)));
  else errors.push(required(path, 'port name or number is required'));
  return errors;
}

/** An object of any kind in the same namespace. */
export function validateReference(reference: TypedLocalObjectReference, path: string): FieldError[] {
  const { apiGroup, kind = '', name = '' } = unchecked(reference);
  return [
    ...(apiGroup === undefined ? [] : validateDNS1123Subdomain(apiGroup, child(path, 'apiGroup'))),
    ...(kind === ''
      ? [required(child(path, 'kind'))]
      : invalidEach(child(path, 'kind'), kind, isPathSegmentName(kind))),
    ...(name === ''
      ? [required(child(path, 'name'))]
      : invalidEach(child(path, 'name'), name, isPathSegmentName(name))),
  ];
}

function validateStatusUpdate({ status }: Ingress, old: Ingress): FieldError[] {
  const existing = (old.status.loadBalancer?.ingress ?? []).flatMap(({ ip = '' }) => (ip === '' ? [] : [ip]));
  return (status.loadBalancer?.ingress ?? []).flatMap(({ ip = '', hostname = '' }, i) => {
    const at = index('status.loadBalancer.ingress', i);
    return [
      ...(ip === '' ? [] : validateIP(ip, child(at, 'ip'), existing)),
      ...(hostname === '' ? [] : validateDNS1123Subdomain(hostname, child(at, 'hostname'))),
      ...(isAnyIP(hostname) ? [invalid(child(at, 'hostname'), hostname, 'must be a DNS name, not an IP address')] : []),
    ];
  });
}

/** Source: formatHosts in pkg/printers/internalversion/printers.go v1.36, which counts rules without a host as well. */
function hostsText({ spec: { rules = [] } }: Ingress): string {
  const hosts: string[] = [];
  let more = false;
  for (const { host = '' } of rules) {
    if (hosts.length === MAX_HOSTS) more = true;
    else if (host !== '') hosts.push(host);
  }
  if (hosts.length === 0) return '*';
  return more ? `${hosts.join(',')} + ${rules.length - MAX_HOSTS} more...` : hosts.join(',');
}

const addressText = ({ status }: Ingress): string =>
  [...new Set((status.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || ''))]
    .filter((text) => text !== '')
    .toSorted()
    .join(',');

function warnings({ metadata, spec, status }: Ingress, old: Ingress | undefined): string[] {
  if (old === undefined) {
    return metadata.annotations?.[CLASS_ANNOTATION] !== undefined && spec.ingressClassName === undefined
      ? [`annotation "${CLASS_ANNOTATION}" is deprecated, please use 'spec.ingressClassName' instead`]
      : [];
  }
  // Only writes of the status change it.
  return semanticEqual(status, old.status)
    ? []
    : (status.loadBalancer?.ingress ?? []).flatMap(({ ip = '' }, i) =>
        ipWarnings(ip, index('status.loadBalancer.ingress', i)),
      );
}

/** Source: pkg/apis/networking/validation, pkg/registry/networking/ingress/strategy.go v1.36. */
export const Ingress = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  shortNames: ['ing'],
  namespaced: true,
  definition: 'networking.v1.Ingress',
  storagePrefix: 'ingress',

  defaults(ingress) {
    ingress.spec ??= {};
    ingress.status ??= {};
    ingress.status.loadBalancer ??= {};
  },
  validate: validateIngress,
  validateCreate: ({ metadata, spec: { ingressClassName } }) => {
    const annotation = metadata.annotations?.[CLASS_ANNOTATION];
    const why = 'must match `ingressClassName` when both are specified';
    return annotation === undefined || ingressClassName === undefined || annotation === ingressClassName
      ? []
      : [invalid(`annotations.${CLASS_ANNOTATION}`, annotation, why)];
  },
  generation: true,
  prepareForCreate(ingress) {
    ingress.status = { loadBalancer: {} };
  },
  warnings,
  status: {
    prepareForUpdate(ingress, old) {
      ingress.spec = old.spec;
    },
    validateUpdate: validateStatusUpdate,
  },

  columns: [
    NAME,
    { name: 'Class', type: 'string' },
    { name: 'Hosts', type: 'string' },
    { name: 'Address', type: 'string' },
    { name: 'Ports', type: 'string' },
    AGE,
  ],
  row: (ingress, { nowMs }) => ({
    cells: [
      ingress.metadata.name,
      ingress.spec.ingressClassName ?? '<none>',
      hostsText(ingress),
      addressText(ingress),
      (ingress.spec.tls ?? []).length > 0 ? '80, 443' : '80',
      age(ingress, nowMs),
    ],
  }),
});
