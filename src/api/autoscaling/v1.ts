import type * as autoscaling from '../generated/autoscaling.v1.ts';
import type * as v2 from '../generated/autoscaling.v2.ts';
import { defineKind } from '../kind.ts';
import { fromV1, toV1 } from './conversion.ts';
import { HorizontalPodAutoscaler } from './horizontalpodautoscaler.ts';
import { autoscalerColumns, autoscalerRow } from './table.ts';
import { validateHorizontalPodAutoscaler, validateStatusUpdate } from './validate.ts';

export type HorizontalPodAutoscalerV1 = autoscaling.HorizontalPodAutoscaler;

/** Parts of a v2 object stand in annotations of v1, so these change with spec and status. */
function replace(autoscaler: HorizontalPodAutoscalerV1, parts: Partial<v2.HorizontalPodAutoscaler>): void {
  const { metadata, spec, status } = toV1({ ...fromV1(autoscaler), ...parts });
  autoscaler.spec = spec;
  autoscaler.status = status;
  if (metadata.annotations === undefined) delete autoscaler.metadata.annotations;
  else autoscaler.metadata.annotations = metadata.annotations;
}

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
  prepareForCreate: (autoscaler) => replace(autoscaler, { status: { desiredReplicas: 0 } }),
  prepareForUpdate: (autoscaler, old) => replace(autoscaler, { status: fromV1(old).status }),
  status: {
    prepareForUpdate: (autoscaler, old) => replace(autoscaler, { spec: fromV1(old).spec }),
    validateUpdate: (autoscaler) => validateStatusUpdate(fromV1(autoscaler)),
  },
  columns: autoscalerColumns,
  row: (autoscaler, context) => autoscalerRow(fromV1(autoscaler), context),
});
