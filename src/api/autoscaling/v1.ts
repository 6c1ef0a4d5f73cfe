import type * as autoscaling from '../generated/autoscaling.v1.ts';
import { defineKind } from '../kind.ts';
import { fromV1, toV1 } from './conversion.ts';
import { HorizontalPodAutoscaler } from './horizontalpodautoscaler.ts';
import { autoscalerColumns, autoscalerRow } from './table.ts';
import { validateHorizontalPodAutoscaler, validateStatusUpdate } from './validate.ts';

export type HorizontalPodAutoscalerV1 = autoscaling.HorizontalPodAutoscaler;

/** The autoscaling/v1 face of autoscalers: one object in the store, kept as v2, which is also what is validated. */
export const HorizontalPodAutoscalerV1 = defineKind<HorizontalPodAutoscalerV1>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  definition: 'autoscaling.v1.HorizontalPodAutoscaler',
  storedAs: {
    kind: HorizontalPodAutoscaler,
    toStored: fromV1,
    fromStored: (object) => toV1(object as HorizontalPodAutoscaler),
  },

  defaults(autoscaler) {
    autoscaler.spec ??= { maxReplicas: 0, scaleTargetRef: { kind: '', name: '' } };
    autoscaler.spec.scaleTargetRef ??= { kind: '', name: '' };
    autoscaler.status ??= { currentReplicas: 0, desiredReplicas: 0 };
    autoscaler.status.currentReplicas ??= 0;
    autoscaler.status.desiredReplicas ??= 0;
    autoscaler.spec.minReplicas ??= 1;
  },
  validate: (autoscaler, old) =>
    validateHorizontalPodAutoscaler(fromV1(autoscaler), old === undefined ? undefined : fromV1(old)),
  prepareForCreate(autoscaler) {
    autoscaler.status = { currentReplicas: 0, desiredReplicas: 0 };
  },
  status: {
    prepareForUpdate(autoscaler, old) {
      autoscaler.spec = old.spec;
    },
    validateUpdate: (autoscaler) => validateStatusUpdate(fromV1(autoscaler)),
  },
  columns: autoscalerColumns,
  row: (autoscaler, context) => autoscalerRow(fromV1(autoscaler), context),
});
