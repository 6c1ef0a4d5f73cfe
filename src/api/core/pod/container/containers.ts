/** Validation of containers of all three lists. Source: validateContainers, validateInitContainers, validateEphemeralContainers in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../../field-error.ts';
import { child, duplicate, forbiddenField, index, invalid, notFoundField, required } from '../../../field-error.ts';
import type {
  Container,
  ContainerPort,
  EnvFromSource,
  EnvVar,
  EphemeralContainer,
  FileKeySelector,
  PodSpec,
} from '../../../generated/core.v1.ts';
import type { Unchecked } from '../../../validation/fields.ts';
import {
  eachOf,
  invalidEach,
  PROTOCOLS,
  Seen,
  unchecked,
  validateDNS1123Label,
  validateEnum,
  validatePathNoBacksteps,
} from '../../../validation/fields.ts';
import {
  isConfigMapKey,
  isEnvVarName,
  isPortName,
  isPortNumber,
  nameIsDNSSubdomain,
} from '../../../validation/names.ts';
import { validateObjectFieldSelector, validateResourceFieldSelector } from '../downward.ts';
import { validateHandlers } from './handlers.ts';
import { validateRequirements } from '../requirements.ts';
import { isRestartableInitContainer } from '../resources.ts';
import { validateInitRestart, validateRestart } from './restart.ts';
import { validateSecurityContext } from '../security/context.ts';
import { visitContainers } from '../visit.ts';
import { validateMounts } from '../volume/mounts.ts';
import { PULL_POLICIES } from '../volume/sources.ts';
import type { Volumes } from '../volume/volumes.ts';

export interface ContainerContext {
  readonly spec: PodSpec;
  readonly volumes: Volumes;
  readonly claimNames: ReadonlySet<string>;
}

const text = (value: string | undefined): string => value ?? '';

export function validateContainers(context: ContainerContext, path: string): FieldError[] {
  const { containers, terminationGracePeriodSeconds } = context.spec;
  if (containers.length === 0) return [required(path)];
  const names = new Seen();
  return [
    ...eachOf(containers, path, (container, at) => [
      ...validateCommon(container, at, context),
      ...(names.add(text(container.name)) ? [] : [duplicate(child(at, 'name'), text(container.name))]),
      ...validateHandlers(container, at, terminationGracePeriodSeconds),
      ...validateRestart(container, at),
    ]),
    ...validateHostPorts(containers, path),
  ];
}

const NOT_FOR_INIT = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;

const NO_RESTART_TO_RESIZE = "must not be set to 'RestartContainer' for non-sidecar initContainers";

export function validateInitContainers(context: ContainerContext, path: string): FieldError[] {
  const { initContainers, containers, terminationGracePeriodSeconds } = context.spec;
  const names = new Seen();
  for (const { name } of containers) names.add(text(name));
  return eachOf(initContainers, path, (container, at) => {
    const errors = validateCommon(container, at, context);
    errors.push(...validateInitRestart(container, at));
    const name = text(container.name);
    if (names.has(name)) errors.push(duplicate(child(at, 'name'), name));
    else if (name !== '') names.add(name);
    // Init containers run one by one: ports collide only within one. Upstream counts it as the first of the list.
    errors.push(...validateHostPorts([container], path));
    if (isRestartableInitContainer(container)) {
      errors.push(...validateHandlers(container, at, terminationGracePeriodSeconds));
    } else {
      const why = 'may not be set for init containers without restartPolicy=Always';
      errors.push(
        ...NOT_FOR_INIT.filter((f) => container[f] !== undefined).map((f) => forbiddenField(child(at, f), why)),
        ...eachOf(container.resizePolicy, child(at, 'resizePolicy'), ({ restartPolicy }, policyPath) =>
          restartPolicy === 'RestartContainer'
            ? [invalid(child(policyPath, 'restartPolicy'), restartPolicy, NO_RESTART_TO_RESIZE)]
            : [],
        ),
      );
    }
    return errors;
  });
}

/** Fields an ephemeral container may not have, as it is no part of what the pod is for. */
const NOT_FOR_EPHEMERAL = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const;

export function validateEphemeralContainers(context: ContainerContext, path: string): FieldError[] {
  const { ephemeralContainers, containers, initContainers = [] } = context.spec;
  const others = new Set([...containers, ...initContainers].map(({ name }) => text(name)));
  const names = new Set(others);
  return eachOf(ephemeralContainers, path, (container, at) => {
    const name = text(container.name);
    const errors = [...validateCommon(container, at, context), ...validateImageWhitespace(container, at)];
    if (names.has(name)) errors.push(duplicate(child(at, 'name'), name));
    names.add(name);
    const target = text(container.targetContainerName);
    if (target !== '' && !others.has(target)) errors.push(notFoundField(child(at, 'targetContainerName'), target));
    const why = 'cannot be set for an Ephemeral Container';
    errors.push(
      ...NOT_FOR_EPHEMERAL.filter((f) => isSet(f, container[f])).map((f) => forbiddenField(child(at, f), why)),
    );
    for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
      for (const field of ['subPath', 'subPathExpr'] as const) {
        if (text(mount[field]) !== '')
          errors.push(forbiddenField(child(index(child(at, 'volumeMounts'), i), field), why));
      }
    }
    return errors;
  });
}

/** Probes and the like are set even when they say nothing; resources are always there. */
const isSet = (field: (typeof NOT_FOR_EPHEMERAL)[number], value: unknown): boolean =>
  value !== undefined && !(field === 'resources' && Object.keys(value as object).length === 0);

function validateCommon(
  container: Container | EphemeralContainer,
  path: string,
  context: ContainerContext,
): FieldError[] {
  const name = text(container.name);
  const { spec, volumes, claimNames } = context;
  return [
    ...(name === '' ? [required(child(path, 'name'))] : validateDNS1123Label(name, child(path, 'name'))),
    ...(text(container.image) === '' ? [required(child(path, 'image'))] : []),
    ...validateEnum(
      container.terminationMessagePolicy,
      ['File', 'FallbackToLogsOnError'],
      child(path, 'terminationMessagePolicy'),
    ),
    ...validatePorts(container.ports, child(path, 'ports')),
    ...eachOf(container.env, child(path, 'env'), validateEnv),
    ...validateEnvFrom(container.envFrom, child(path, 'envFrom')),
    ...validateMounts(container, path, volumes),
    ...validateEnum(container.imagePullPolicy, PULL_POLICIES, child(path, 'imagePullPolicy')),
    ...validateRequirements(container.resources ?? {}, child(path, 'resources'), { claimNames }),
    ...validateResizePolicy(container, child(path, 'resizePolicy'), spec.restartPolicy),
    ...validateSecurityContext(container.securityContext, child(path, 'securityContext'), spec.hostUsers !== false),
  ];
}

/** Pods are stricter than templates: names of images may be placeholders there. */
export const validateImageWhitespace = ({ image = '' }: Pick<Container, 'image'>, path: string): FieldError[] =>
  image === image.trim() ? [] : [invalid(child(path, 'image'), image, 'must not have leading or trailing whitespace')];

function validatePorts(ports: readonly ContainerPort[] | undefined, path: string): FieldError[] {
  const names = new Seen();
  return eachOf(
    ports,
    path,
    ({ name = '', containerPort = 0, hostPort = 0, protocol }: Unchecked<ContainerPort>, at) => {
      const errors: FieldError[] = [];
      if (name !== '') {
        const messages = isPortName(name);
        errors.push(...invalidEach(child(at, 'name'), name, messages));
        if (messages.length === 0 && !names.add(name)) errors.push(duplicate(child(at, 'name'), name));
      }
      if (containerPort === 0) errors.push(required(child(at, 'containerPort')));
      else errors.push(...invalidEach(child(at, 'containerPort'), containerPort, isPortNumber(containerPort)));
      if (hostPort !== 0) errors.push(...invalidEach(child(at, 'hostPort'), hostPort, isPortNumber(hostPort)));
      errors.push(...validateEnum(protocol, PROTOCOLS, child(at, 'protocol')));
      return errors;
    },
  );
}

function validateHostPorts(containers: readonly Container[], path: string): FieldError[] {
  const taken = new Seen();
  return eachOf(containers, path, ({ ports }, at) =>
    eachOf(ports, child(at, 'ports'), ({ hostPort = 0, hostIP = '', protocol }, portPath) => {
      const key = `${protocol}/${hostIP}/${hostPort}`;
      return hostPort === 0 || taken.add(key) ? [] : [duplicate(child(portPath, 'hostPort'), key)];
    }),
  );
}

const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

function validateEnv({ name = '', value = '', valueFrom }: Partial<EnvVar>, path: string): FieldError[] {
  const namePath = child(path, 'name');
  const errors = name === '' ? [required(namePath)] : invalidEach(namePath, name, isEnvVarName(name));
  if (valueFrom === undefined) return errors;
  const at = child(path, 'valueFrom');
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  if (fieldRef !== undefined) errors.push(...validateObjectFieldSelector(fieldRef, ENV_FIELDS, child(at, 'fieldRef')));
  if (resourceFieldRef !== undefined) {
    errors.push(...validateResourceFieldSelector(resourceFieldRef, child(at, 'resourceFieldRef'), false));
  }
  if (configMapKeyRef !== undefined) errors.push(...validateKeySelector(configMapKeyRef, child(at, 'configMapKeyRef')));
  if (secretKeyRef !== undefined) errors.push(...validateKeySelector(secretKeyRef, child(at, 'secretKeyRef')));
  if (fileKeyRef !== undefined) errors.push(...validateFileKeySelector(fileKeyRef, child(at, 'fileKeyRef')));
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(
    (source) => source !== undefined,
  ).length;
  if (sources === 0) {
    const all = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.push(invalid(at, '', `must specify one of: ${all}`));
  } else if (value !== '') errors.push(invalid(at, '', 'may not be specified when `value` is not empty'));
  else if (sources > 1) errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
  return errors;
}

const validateKeySelector = (
  { name = '', key = '' }: { name?: string | undefined; key?: string | undefined },
  path: string,
): FieldError[] => [
  ...invalidEach(child(path, 'name'), name, nameIsDNSSubdomain(name, false)),
  ...(key === '' ? [required(child(path, 'key'))] : invalidEach(child(path, 'key'), key, isConfigMapKey(key))),
];

function validateFileKeySelector(selector: FileKeySelector, at: string): FieldError[] {
  const { key = '', volumeName = '', path = '' } = unchecked(selector);
  const [keyPath, volumePath, pathPath] = [child(at, 'key'), child(at, 'volumeName'), child(at, 'path')];
  return [
    ...(key === '' ? [required(keyPath)] : invalidEach(keyPath, key, isEnvVarName(key))),
    ...(volumeName === '' ? [required(volumePath)] : validateDNS1123Label(volumeName, volumePath)),
    ...(path === '' ? [required(pathPath)] : validatePathNoBacksteps(path, pathPath)),
  ];
}

/** Files of variables come from an emptyDir that the pod has. Source: validateFileKeyRefVolumes. */
export const validateFileKeyVolumes = (spec: PodSpec, path: string): FieldError[] =>
  visitContainers(spec, path, ({ env }, at) =>
    eachOf(env, child(at, 'env'), ({ valueFrom }, envPath) => {
      const name = valueFrom?.fileKeyRef?.volumeName;
      if (valueFrom?.fileKeyRef === undefined) return [];
      const namePath = child(envPath, 'valueFrom', 'fileKeyRef', 'volumeName');
      const volume = (spec.volumes ?? []).find((v) => v.name === name);
      if (volume === undefined) return [notFoundField(namePath, name ?? '')];
      return volume.emptyDir === undefined
        ? [invalid(namePath, name, 'referenced volume must be of type emptyDir')]
        : [];
    }),
  );

function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, path: string): FieldError[] {
  return eachOf(sources, path, ({ prefix = '', configMapRef, secretRef }, at) => {
    const errors = prefix === '' ? [] : invalidEach(child(at, 'prefix'), prefix, isEnvVarName(prefix));
    for (const [field, ref] of Object.entries({ configMapRef, secretRef })) {
      if (ref === undefined) continue;
      const namePath = child(at, field, 'name');
      const name = text(ref.name);
      errors.push(
        ...(name === '' ? [required(namePath)] : invalidEach(namePath, name, nameIsDNSSubdomain(name, true))),
      );
    }
    if (configMapRef === undefined && secretRef === undefined) {
      errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (configMapRef !== undefined && secretRef !== undefined) {
      errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
    }
    return errors;
  });
}

function validateResizePolicy(
  { resizePolicy = [] }: Container,
  path: string,
  podRestartPolicy: string | undefined,
): FieldError[] {
  const resources = new Seen();
  const errors: FieldError[] = [];
  for (const [i, { resourceName, restartPolicy }] of resizePolicy.entries()) {
    if (!resources.add(resourceName)) errors.push(duplicate(index(path, i), resourceName ?? ''));
    errors.push(
      ...validateEnum(resourceName, ['cpu', 'memory'], path),
      ...validateEnum(restartPolicy, ['NotRequired', 'RestartContainer'], path),
    );
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      errors.push(invalid(path, restartPolicy ?? '', "must be 'NotRequired' when pod `restartPolicy` is 'Never'"));
    }
  }
  return errors;
}
