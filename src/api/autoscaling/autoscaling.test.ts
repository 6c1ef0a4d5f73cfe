import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HorizontalPodAutoscaler, HorizontalPodAutoscalerV1 } from '../kinds.ts';
import { errors, make } from '../testdata/kinds.ts';

const autoscaler = (spec: object, more: object = {}): object => ({
  spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'web' }, ...spec },
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
    'spec.maxReplicas: Invalid value: 0: must be greater than 0',
    'spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue',
    'spec.metrics[0].resource: Required value: must populate information for the given metric source',
    'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
    'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
  ]);
});

test('autoscalers: what v1 has no field for survives in annotations', () => {
  const { storedAs } = HorizontalPodAutoscalerV1;
  const metrics = [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
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
