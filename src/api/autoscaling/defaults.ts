/** Source: pkg/apis/autoscaling/v2/defaults.go v1.36. */
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../generated/autoscaling.v2.ts';

const DEFAULT_CPU_UTILIZATION = 80;
const SCALE_UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const SCALE_DOWN: HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

export function defaultHorizontalPodAutoscaler(autoscaler: HorizontalPodAutoscaler): void {
  autoscaler.spec ??= { maxReplicas: 0, scaleTargetRef: { kind: '', name: '' } };
  autoscaler.status ??= { desiredReplicas: 0 };
  autoscaler.status.desiredReplicas ??= 0;
  const { spec } = autoscaler;
  spec.scaleTargetRef ??= { kind: '', name: '' };
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    const target = { type: 'Utilization', averageUtilization: DEFAULT_CPU_UTILIZATION };
    spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  }
  if (spec.behavior !== undefined) {
    spec.behavior.scaleUp = withDefaults(spec.behavior.scaleUp, SCALE_UP);
    spec.behavior.scaleDown = withDefaults(spec.behavior.scaleDown, SCALE_DOWN);
  }
}

const withDefaults = (rules: HPAScalingRules | undefined, defaults: HPAScalingRules): HPAScalingRules => ({
  ...structuredClone(defaults),
  ...Object.fromEntries(Object.entries(rules ?? {}).filter(([, value]) => value !== undefined)),
});
