/** Source: printHorizontalPodAutoscaler, formatHPAMetrics in pkg/printers/internalversion/printers.go v1.36. */
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../generated/autoscaling.v2.ts';
import type { Column, Row } from '../kind.ts';
import { canonicalQuantity } from '../quantity.ts';
import { AGE, age, NAME } from '../table.ts';

const MAX_METRICS = 2;
const UNKNOWN = '<unknown>';

export const autoscalerColumns: readonly Column[] = [
  NAME,
  { name: 'Reference', type: 'string' },
  { name: 'Targets', type: 'string' },
  { name: 'MinPods', type: 'string' },
  { name: 'MaxPods', type: 'string' },
  { name: 'Replicas', type: 'string' },
  AGE,
];

/** Go prints a quantity that is not there. */
const NIL = '<nil>';

const quantity = (text: string | undefined, otherwise: string): string =>
  text === undefined ? otherwise : canonicalQuantity(text);

/** A value of a status that may not be there yet. */
const currentText = (current: MetricValueStatus | undefined, field: 'value' | 'averageValue'): string =>
  current === undefined ? UNKNOWN : quantity(current[field], NIL);

/** `current/target`, with `(avg)` where the target is an average. */
function rawText(target: MetricTarget, current: MetricValueStatus | undefined): string {
  if (target.averageValue !== undefined) {
    return `${quantity(current?.averageValue, UNKNOWN)}/${canonicalQuantity(target.averageValue)} (avg)`;
  }
  return `${currentText(current, 'value')}/${quantity(target.value, NIL)}`;
}

function resourceText(name: string, target: MetricTarget, current: MetricValueStatus | undefined): string {
  if (target.averageValue !== undefined) {
    return `${name}: ${currentText(current, 'averageValue')}/${canonicalQuantity(target.averageValue)}`;
  }
  const percent = (value: number | undefined, otherwise: string): string =>
    value === undefined ? otherwise : `${value}%`;
  return `${name}: ${percent(current?.averageUtilization, UNKNOWN)}/${percent(target.averageUtilization, '<auto>')}`;
}

function metricText(
  { type, external, pods, object, resource, containerResource }: MetricSpec,
  status?: MetricStatus,
): string {
  const none = { type: '' };
  switch (type) {
    case 'External':
      return rawText(external?.target ?? none, status?.external && (status.external.current ?? {}));
    case 'Object':
      return rawText(object?.target ?? none, status?.object && (status.object.current ?? {}));
    case 'Pods':
      return `${currentText(status?.pods && (status.pods.current ?? {}), 'averageValue')}/${quantity(pods?.target?.averageValue, NIL)}`;
    case 'Resource':
      return resourceText(
        resource?.name ?? '',
        resource?.target ?? none,
        status?.resource && (status.resource.current ?? {}),
      );
    case 'ContainerResource':
      return resourceText(
        containerResource?.name ?? '',
        containerResource?.target ?? none,
        status?.containerResource && (status.containerResource.current ?? {}),
      );
    default:
      return '<unknown type>';
  }
}

function metricsText({ spec: { metrics = [] }, status: { currentMetrics } }: HorizontalPodAutoscaler): string {
  if (metrics.length === 0) return '<none>';
  const texts = metrics.map((metric, i) => metricText(metric, currentMetrics?.[i]));
  const shown = texts.slice(0, MAX_METRICS).join(', ');
  return texts.length > MAX_METRICS ? `${shown} + ${texts.length - MAX_METRICS} more...` : shown;
}

export const autoscalerRow = (autoscaler: HorizontalPodAutoscaler, { nowMs }: { readonly nowMs: number }): Row => {
  const { metadata, spec, status } = autoscaler;
  return {
    cells: [
      metadata.name,
      `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
      metricsText(autoscaler),
      spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
      spec.maxReplicas,
      status.currentReplicas ?? 0,
      age(autoscaler, nowMs),
    ],
  };
};
