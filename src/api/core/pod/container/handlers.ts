/** Validation of probes and lifecycle handlers. Source: validateProbe, validateLifecycle in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../../field-error.ts';
import { child, forbiddenField, invalid, required } from '../../../field-error.ts';
import type { Container, HTTPHeader, LifecycleHandler, Probe } from '../../../generated/core.v1.ts';
import type { Unchecked } from '../../../validation/fields.ts';
import { invalidEach, validateEnum, validateNonnegative, validatePortNumOrName } from '../../../validation/fields.ts';
import { isHTTPHeaderName } from '../../../validation/names.ts';

type Handler = LifecycleHandler & Pick<Probe, 'grpc'>;

/** In the order in which upstream looks at them: the first one counts. */
const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

function validateHandler(handler: Handler, path: string, graceSeconds: number | undefined): FieldError[] {
  const [first, ...others] = HANDLERS.filter((name) => handler[name] !== undefined);
  if (first === undefined) return [required(path, 'must specify a handler type')];
  return [
    ...validateAction(handler, child(path, first), graceSeconds),
    ...others.map((name) => forbiddenField(child(path, name), 'may not specify more than 1 handler type')),
  ];
}

function validateAction(handler: Handler, path: string, graceSeconds: number | undefined): FieldError[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  if (exec !== undefined) return (exec.command ?? []).length === 0 ? [required(child(path, 'command'))] : [];
  if (httpGet !== undefined) {
    return [
      ...((httpGet.path ?? '') === '' ? [required(child(path, 'path'))] : []),
      ...validatePortNumOrName(httpGet.port ?? 0, child(path, 'port')),
      ...validateEnum(httpGet.scheme, ['HTTP', 'HTTPS'], child(path, 'scheme')),
      ...(httpGet.httpHeaders ?? []).flatMap(({ name = '' }: Unchecked<HTTPHeader>) =>
        invalidEach(child(path, 'httpHeaders'), name, isHTTPHeaderName(name)),
      ),
    ];
  }
  if (tcpSocket !== undefined) return validatePortNumOrName(tcpSocket.port ?? 0, child(path, 'port'));
  if (grpc !== undefined) return validatePortNumOrName(grpc.port ?? 0, child(path, 'port'));
  const seconds = sleep?.seconds ?? 0;
  return graceSeconds !== undefined && (seconds < 0 || seconds > graceSeconds)
    ? [invalid(path, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`)]
    : [];
}

function validateProbe(probe: Probe, path: string, graceSeconds: number | undefined): FieldError[] {
  const errors = validateHandler(probe, path, graceSeconds);
  for (const field of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    errors.push(...validateNonnegative(probe[field], child(path, field)));
  }
  const own = probe.terminationGracePeriodSeconds;
  if (own !== undefined && own <= 0) {
    errors.push(invalid(child(path, 'terminationGracePeriodSeconds'), own, 'must be greater than 0'));
  }
  return errors;
}

const mustBeOne = ({ successThreshold }: Probe, path: string): FieldError[] =>
  successThreshold === 1 ? [] : [invalid(child(path, 'successThreshold'), successThreshold ?? 0, 'must be 1')];

/** Probes and lifecycle of a container that runs for good. */
export function validateHandlers(container: Container, path: string, graceSeconds: number | undefined): FieldError[] {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  const errors: FieldError[] = [];
  for (const hook of ['postStart', 'preStop'] as const) {
    const handler = lifecycle?.[hook];
    if (handler !== undefined) errors.push(...validateHandler(handler, child(path, 'lifecycle', hook), graceSeconds));
  }
  if (livenessProbe !== undefined) {
    const at = child(path, 'livenessProbe');
    errors.push(...validateProbe(livenessProbe, at, graceSeconds), ...mustBeOne(livenessProbe, at));
  }
  if (readinessProbe !== undefined) {
    const at = child(path, 'readinessProbe');
    errors.push(...validateProbe(readinessProbe, at, graceSeconds));
    if (readinessProbe.terminationGracePeriodSeconds !== undefined) {
      errors.push(
        invalid(
          child(at, 'terminationGracePeriodSeconds'),
          readinessProbe.terminationGracePeriodSeconds,
          'must not be set for readinessProbes',
        ),
      );
    }
  }
  if (startupProbe !== undefined) {
    const at = child(path, 'startupProbe');
    errors.push(...validateProbe(startupProbe, at, graceSeconds), ...mustBeOne(startupProbe, at));
  }
  return errors;
}
