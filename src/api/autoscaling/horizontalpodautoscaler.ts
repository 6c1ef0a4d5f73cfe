import type * as autoscaling from '../generated/autoscaling.v2.ts';
import { defineKind } from '../kind.ts';
import { defaultHorizontalPodAutoscaler } from './defaults.ts';
import { autoscalerColumns, autoscalerRow } from './table.ts';
import { validateHorizontalPodAutoscaler, validateStatusUpdate } from './validate.ts';

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
