import type * as autoscaling from '../generated/autoscaling.v2.ts';
import { defineKind } from '../kind.ts';
import { defaultHorizontalPodAutoscaler } from './defaults.ts';
import { autoscalerColumns, autoscalerRow } from './table.ts';
import { validateHorizontalPodAutoscaler, validateMinReplicas, validateStatusUpdate } from './validate.ts';

export type HorizontalPodAutoscaler = autoscaling.HorizontalPodAutoscaler;

/** Source: pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go v1.36. */
export const HorizontalPodAutoscaler = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  definition: 'autoscaling.v2.HorizontalPodAutoscaler',

  defaults: defaultHorizontalPodAutoscaler,
  validate: validateHorizontalPodAutoscaler,
  validateCreate: (autoscaler) => validateMinReplicas(autoscaler, 1),
  validateUpdate: (autoscaler, old) => validateMinReplicas(autoscaler, old.spec.minReplicas === 0 ? 0 : 1),
  prepareForCreate(autoscaler) {
    autoscaler.status = { desiredReplicas: 0 };
  },
  status: {
    prepareForUpdate(autoscaler, old) {
      autoscaler.spec = old.spec;
    },
    validateUpdate: validateStatusUpdate,
  },
  columns: autoscalerColumns,
  row: autoscalerRow,
});
