/**
 * autoscaling/v1 has room for one number, the CPU utilization aimed at; everything else of a v2 object travels in annotations.
 * Source: pkg/apis/autoscaling/{v1/conversion.go,annotations.go,helpers.go} v1.36.
 */
import type * as v1 from '../generated/autoscaling.v1.ts';
import type * as v2 from '../generated/autoscaling.v2.ts';
import type { ObjectMeta } from '../generated/meta.v1.ts';

const PREFIX = 'autoscaling.alpha.kubernetes.io/';
const METRICS = `${PREFIX}metrics`;
const BEHAVIOR = `${PREFIX}behavior`;
const CURRENT_METRICS = `${PREFIX}current-metrics`;
const CONDITIONS = `${PREFIX}conditions`;
const ALL = [METRICS, BEHAVIOR, CURRENT_METRICS, CONDITIONS];
const DEFAULT_CPU_UTILIZATION = 80;

type Json = Readonly<Record<string, unknown>>;

const isCPU = ({ type, resource }: v2.MetricSpec): boolean =>
  type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;

const isCurrentCPU = ({ type, resource }: v2.MetricStatus): boolean =>
  type === 'Resource' && resource?.name === 'cpu' && resource.current.averageUtilization !== undefined;

/** Go leaves out what is absent, and so do we. */
const defined = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

function withoutAnnotations({ annotations, ...metadata }: ObjectMeta): ObjectMeta {
  if (annotations === undefined) return metadata;
  const kept = Object.entries(annotations).filter(([key]) => !ALL.includes(key));
  return kept.length === 0 ? metadata : { ...metadata, annotations: Object.fromEntries(kept) };
}

/** With the parts that Go's structures always have: owners of fields are looked for before anything is validated. */
const filled = <M extends v2.MetricSpec | v2.MetricStatus>(metric: M): M =>
  Object.fromEntries(
    Object.entries(metric).map(([key, source]: [string, unknown]) => [
      key,
      isRecord(source) ? { metric: { name: '' }, target: {}, current: {}, ...source } : source,
    ]),
  ) as unknown as M;

export function toV1({ metadata, spec, status }: v2.HorizontalPodAutoscaler): v1.HorizontalPodAutoscaler {
  const { minReplicas, maxReplicas, scaleTargetRef, behavior } = spec;
  const { currentMetrics: ownMetrics = [], conditions = [], currentReplicas, ...times } = status;
  const metrics = (spec.metrics ?? []).map(filled);
  const currentMetrics = ownMetrics.map(filled);
  const cpu = metrics.find(isCPU);
  const currentCPU = currentMetrics.findLast(isCurrentCPU);
  const others = metrics.filter((metric) => !isCPU(metric));
  const added = {
    ...(others.length === 0 ? {} : { [METRICS]: JSON.stringify(others.map(metricToV1)) }),
    ...(currentMetrics.length === 0 ? {} : { [CURRENT_METRICS]: JSON.stringify(currentMetrics.map(statusToV1)) }),
    ...(conditions.length === 0 ? {} : { [CONDITIONS]: JSON.stringify(conditions) }),
    ...(behavior === undefined ? {} : { [BEHAVIOR]: JSON.stringify(shownBehavior(behavior)) }),
  };
  const plain = withoutAnnotations(metadata);
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: Object.keys(added).length === 0 ? plain : { ...plain, annotations: { ...plain.annotations, ...added } },
    spec: {
      ...(minReplicas === undefined ? {} : { minReplicas }),
      maxReplicas,
      scaleTargetRef,
      ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu.resource!.target.averageUtilization }),
    },
    status: {
      ...times,
      currentReplicas: currentReplicas ?? 0,
      ...(currentCPU === undefined
        ? {}
        : { currentCPUUtilizationPercentage: currentCPU.resource!.current.averageUtilization }),
    },
  };
}

export function fromV1({ metadata, spec, status }: v1.HorizontalPodAutoscaler): v2.HorizontalPodAutoscaler {
  const { targetCPUUtilizationPercentage: cpu, ...rest } = spec;
  const { currentCPUUtilizationPercentage: currentCPU, ...times } = status;
  const read = (key: string): unknown => parsed(metadata.annotations?.[key]);
  const metrics = list(read(METRICS)).map(metricFromV1);
  const utilization = cpu ?? (metrics.length === 0 ? DEFAULT_CPU_UTILIZATION : undefined);
  if (utilization !== undefined) {
    const target = { type: 'Utilization', averageUtilization: utilization };
    metrics.push({ type: 'Resource', resource: { name: 'cpu', target } });
  }
  const behavior = read(BEHAVIOR);
  // What the annotation tells is more than the number does, and stands in its place.
  const annotated = read(CURRENT_METRICS);
  let currentMetrics = list(annotated).map(statusFromV1);
  if (currentCPU !== undefined && !Array.isArray(annotated)) {
    currentMetrics = [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: currentCPU } } }];
  }
  const conditions = list(read(CONDITIONS)) as unknown as v2.HorizontalPodAutoscalerCondition[];
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: withoutAnnotations(metadata),
    spec: {
      ...rest,
      metrics,
      ...(isRecord(behavior) ? { behavior: lowerKeys(behavior) as v2.HorizontalPodAutoscalerBehavior } : {}),
    },
    status: {
      ...times,
      ...(currentMetrics.length === 0 ? {} : { currentMetrics }),
      ...(conditions.length === 0 ? {} : { conditions }),
    },
  };
}

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An annotation nobody can read says nothing. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const list = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** Upstream writes the behavior as its internal structures are, every field by its Go name. Source: pkg/apis/autoscaling/types.go v1.36. */
const shownBehavior = ({ scaleUp, scaleDown }: v2.HorizontalPodAutoscalerBehavior): Json => ({
  ScaleUp: shownRules(scaleUp),
  ScaleDown: shownRules(scaleDown),
});

function shownRules(rules: v2.HPAScalingRules | undefined): Json | null {
  if (rules === undefined) return null;
  const { stabilizationWindowSeconds, selectPolicy, policies, tolerance } = rules;
  return {
    StabilizationWindowSeconds: stabilizationWindowSeconds ?? null,
    SelectPolicy: selectPolicy ?? null,
    Policies:
      policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ??
      null,
    Tolerance: tolerance ?? null,
  };
}

const lower = (key: string): string => key.charAt(0).toLowerCase() + key.slice(1);

function lowerKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerKeys);
  if (!isRecord(value)) return value ?? undefined;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined && v !== null)
      .map(([key, v]) => [lower(key), lowerKeys(v)]),
  );
}

function metricToV1({ type, object, pods, resource, containerResource, external }: v2.MetricSpec): Json {
  const raw = ({ averageUtilization, averageValue }: v2.MetricTarget): Json => ({
    targetAverageUtilization: averageUtilization,
    targetAverageValue: averageValue,
  });
  return defined({
    type,
    object:
      object &&
      defined({
        target: object.describedObject,
        metricName: object.metric.name,
        targetValue: object.target.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.target.averageValue,
      }),
    pods:
      pods &&
      defined({
        metricName: pods.metric.name,
        targetAverageValue: pods.target.averageValue,
        selector: pods.metric.selector,
      }),
    resource: resource && defined({ name: resource.name, ...raw(resource.target) }),
    containerResource:
      containerResource &&
      defined({
        name: containerResource.name,
        ...raw(containerResource.target),
        container: containerResource.container,
      }),
    external:
      external &&
      defined({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
  });
}

/** What an annotation may hold as a source is no source. */
const sourcesOf = (metric: Json): Readonly<Record<string, Json>> =>
  Object.fromEntries(Object.entries(metric).filter((entry): entry is [string, Json] => isRecord(entry[1])));

function metricFromV1(metric: Json): v2.MetricSpec {
  const { type } = metric;
  const { object, pods, resource, containerResource, external } = sourcesOf(metric);
  const raw = (source: Json): Json =>
    defined({
      type: source['targetAverageUtilization'] === undefined ? 'AverageValue' : 'Utilization',
      averageUtilization: source['targetAverageUtilization'],
      averageValue: source['targetAverageValue'],
    });
  const valueOr = (value: unknown, averageValue: unknown): Json =>
    averageValue === undefined ? { type: 'Value', value } : { type: 'AverageValue', averageValue };
  return defined({
    type,
    object: object && {
      describedObject: object['target'],
      metric: defined({ name: object['metricName'], selector: object['selector'] }),
      target: valueOr(object['targetValue'], object['averageValue']),
    },
    pods: pods && {
      metric: defined({ name: pods['metricName'], selector: pods['selector'] }),
      target: { type: 'AverageValue', averageValue: pods['targetAverageValue'] },
    },
    resource: resource && { name: resource['name'], target: raw(resource) },
    containerResource: containerResource && {
      name: containerResource['name'],
      container: containerResource['container'],
      target: raw(containerResource),
    },
    external: external && {
      metric: defined({ name: external['metricName'], selector: external['metricSelector'] }),
      target: valueOr(external['targetValue'], external['targetAverageValue']),
    },
  }) as unknown as v2.MetricSpec;
}

function statusToV1({ type, object, pods, resource, containerResource, external }: v2.MetricStatus): Json {
  const raw = ({ averageUtilization, averageValue }: v2.MetricValueStatus): Json => ({
    currentAverageUtilization: averageUtilization,
    currentAverageValue: averageValue ?? '0',
  });
  return defined({
    type,
    object:
      object &&
      defined({
        target: object.describedObject,
        metricName: object.metric.name,
        currentValue: object.current.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.current.averageValue,
      }),
    pods:
      pods &&
      defined({
        metricName: pods.metric.name,
        currentAverageValue: pods.current.averageValue ?? '0',
        selector: pods.metric.selector,
      }),
    resource: resource && defined({ name: resource.name, ...raw(resource.current) }),
    containerResource:
      containerResource &&
      defined({
        name: containerResource.name,
        ...raw(containerResource.current),
        container: containerResource.container,
      }),
    external:
      external &&
      defined({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value ?? '0',
        currentAverageValue: external.current.averageValue,
      }),
  });
}

function statusFromV1(status: Json): v2.MetricStatus {
  const { type } = status;
  const { object, pods, resource, containerResource, external } = sourcesOf(status);
  const raw = (source: Json): Json =>
    defined({
      averageUtilization: source['currentAverageUtilization'],
      averageValue: source['currentAverageValue'],
    });
  return defined({
    type,
    object: object && {
      describedObject: object['target'],
      metric: defined({ name: object['metricName'], selector: object['selector'] }),
      current: defined({ value: object['currentValue'], averageValue: object['averageValue'] }),
    },
    pods: pods && {
      metric: defined({ name: pods['metricName'], selector: pods['selector'] }),
      current: { averageValue: pods['currentAverageValue'] },
    },
    resource: resource && { name: resource['name'], current: raw(resource) },
    containerResource: containerResource && {
      name: containerResource['name'],
      container: containerResource['container'],
      current: raw(containerResource),
    },
    external: external && {
      metric: defined({ name: external['metricName'], selector: external['metricSelector'] }),
      current: defined({ value: external['currentValue'], averageValue: external['currentAverageValue'] }),
    },
  }) as unknown as v2.MetricStatus;
}
