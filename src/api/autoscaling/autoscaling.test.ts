import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HorizontalPodAutoscaler, HorizontalPodAutoscalerV1 } from '../kinds.ts';
import { errors, make } from '../testdata/kinds.ts';

const autoscaler = (spec: object, more: object = {}): object => ({
  spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, ...spec },
  ...more,
});

test('autoscalers: defaults and rules', () => {
  const { spec } = make(HorizontalPodAutoscaler, autoscaler({ behavior: { scaleUp: { selectPolicy: 'Min' } } }));
  assert.deepEqual(spec.metrics, [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
  ]);
  assert.deepEqual(spec.behavior, {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Min',
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 15 },
        { type: 'Percent', value: 100, periodSeconds: 15 },
      ],
    },
    scaleDown: { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
  });
  const metrics = [{ type: 'Resource', pods: { metric: { name: 'x' }, target: { type: 'AverageValue' } } }];
  assert.deepEqual(errors(HorizontalPodAutoscaler, autoscaler({ maxReplicas: 0, minReplicas: 0, metrics })), [
    'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
    'spec.maxReplicas: Required value: must be set and greater than 0',
    'spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue',
    'spec.metrics[0].resource: Required value: must populate information for the given metric source',
    'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
  ]);
});

test('autoscalers: what v1 has no field for survives in annotations', () => {
  const { storedAs } = HorizontalPodAutoscalerV1;
  const metrics = [
    { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
    {
      type: 'Pods',
      pods: { metric: { name: 'rps', selector: {} }, target: { type: 'AverageValue', averageValue: '1k' } },
    },
    {
      type: 'Object',
      object: {
        describedObject: { apiVersion: 'v1', kind: 'Service', name: 's' },
        metric: { name: 'hits' },
        target: { type: 'Value', value: '10' },
      },
    },
    { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '30' } } },
    {
      type: 'ContainerResource',
      containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 60 } },
    },
    // A number of v1, which is read after its annotations.
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
  ];
  const status = {
    desiredReplicas: 2,
    currentReplicas: 1,
    currentMetrics: [
      { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 20, averageValue: '5m' } } },
    ],
    conditions: [{ type: 'AbleToScale', status: 'True' }],
  };
  const v2 = make(HorizontalPodAutoscaler, autoscaler({ metrics, behavior: {} }, { status }));
  const v1 = storedAs!.fromStored(v2);
  assert.equal(v1.spec.targetCPUUtilizationPercentage, 50);
  assert.equal(v1.status.currentCPUUtilizationPercentage, 20);
  assert.deepEqual(Object.keys(v1.metadata.annotations ?? {}), [
    'autoscaling.alpha.kubernetes.io/metrics',
    'autoscaling.alpha.kubernetes.io/current-metrics',
    'autoscaling.alpha.kubernetes.io/conditions',
    'autoscaling.alpha.kubernetes.io/behavior',
  ]);
  assert.deepEqual(storedAs!.toStored(v1), v2);
});

test('autoscalers: writing one part through v1 keeps what annotations tell of the other', () => {
  const behavior = { scaleUp: { stabilizationWindowSeconds: 5 } };
  const conditions = [{ type: 'AbleToScale', status: 'True' }];
  const { storedAs, status, prepareForUpdate } = HorizontalPodAutoscalerV1;
  const stored = make(
    HorizontalPodAutoscaler,
    autoscaler({ behavior }, { status: { desiredReplicas: 2, currentReplicas: 1, conditions } }),
  );
  const old = storedAs!.fromStored(stored);
  const key = 'autoscaling.alpha.kubernetes.io/behavior';
  const shown = JSON.parse(old.metadata.annotations![key]!) as { readonly ScaleUp: object; readonly ScaleDown: object };
  assert.deepEqual(Object.keys(shown), ['ScaleUp', 'ScaleDown']);
  assert.deepEqual(Object.keys(shown.ScaleUp), ['StabilizationWindowSeconds', 'SelectPolicy', 'Policies', 'Tolerance']);
  const bare = (): HorizontalPodAutoscalerV1 => {
    const { annotations: _, ...metadata } = old.metadata;
    return { ...old, metadata };
  };
  const ofStatus = bare();
  status!.prepareForUpdate(ofStatus, old, { nowMs: 0 });
  assert.deepEqual(Object.keys(ofStatus.metadata.annotations!), [key]);
  const ofSpec = bare();
  prepareForUpdate!(ofSpec, old);
  assert.deepEqual(Object.keys(ofSpec.metadata.annotations!), ['autoscaling.alpha.kubernetes.io/conditions']);
});

test('autoscalers: what a reference has to say of its group', () => {
  const target = (scaleTargetRef: object): object => autoscaler({ scaleTargetRef: { name: 'web', ...scaleTargetRef } });
  const path = 'spec.scaleTargetRef.apiVersion';
  const CASES: readonly (readonly [object: object, expected: string[]])[] = [
    [{ kind: 'Deployment' }, [`${path}: Invalid value: "": apiVersion must specify API group`]],
    [{ kind: 'Deployment', apiVersion: 'v1' }, [`${path}: Invalid value: "v1": apiVersion must specify API group`]],
    [
      { kind: 'Deployment', apiVersion: 'a/b/c' },
      [`${path}: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c`],
    ],
    [{ kind: 'ReplicationController' }, []],
    [{ kind: 'Deployment', apiVersion: 'apps/v1' }, []],
  ];
  for (const [reference, expected] of CASES)
    assert.deepEqual(errors(HorizontalPodAutoscaler, target(reference)), expected);
  // One that was taken before is taken as it was.
  const old = make(HorizontalPodAutoscaler, target({ kind: 'Deployment' }));
  assert.deepEqual(HorizontalPodAutoscaler.validate?.(old, old), []);
  const metric = (apiVersion: string): object => ({
    type: 'Object',
    object: {
      describedObject: { apiVersion, kind: 'K', name: 'k' },
      metric: { name: 'm' },
      target: { type: 'Value', value: '1' },
    },
  });
  assert.deepEqual(errors(HorizontalPodAutoscaler, autoscaler({ metrics: [metric('v1'), metric('a/b/c')] })), [
    'spec.metrics[1].object.describedObject.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
  ]);
  const resource = {
    type: 'ContainerResource',
    containerResource: { name: 'x', container: 'c', target: { type: 'Utilization', averageUtilization: 1 } },
  };
  assert.deepEqual(errors(HorizontalPodAutoscaler, autoscaler({ maxReplicas: -1, metrics: [resource] })), [
    'spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1',
    'spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`',
    'spec.metrics[0].containerResource.name: Invalid value: "x": must be a standard resource type or fully qualified',
    'spec.metrics[0].containerResource.name: Invalid value: "x": must be a standard resource for containers',
  ]);
});
