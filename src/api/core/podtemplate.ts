import type * as core from '../generated/core.v1.ts';
import { defineKind } from '../kind.ts';
import { selectorFromSet } from '../selector/selector.ts';
import { NAME, orNone, templateCells } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { dropDisabledTemplateFields } from './pod/disabled.ts';
import { validatePodTemplate } from './pod/spec.ts';
import { podWarnings } from './pod/warnings.ts';

export type PodTemplate = core.PodTemplate;

/** Source: pkg/registry/core/podtemplate/strategy.go v1.36. */
export const PodTemplate = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  namespaced: true,
  definition: 'core.v1.PodTemplate',

  defaults(podTemplate) {
    podTemplate.template ??= {};
    defaultPodTemplate(podTemplate.template);
  },
  validate: ({ template }) => validatePodTemplate(template ?? {}, 'template'),
  generation: true,
  prepareForCreate: ({ template }) => dropDisabledTemplateFields(template),
  prepareForUpdate: ({ template }, old) => dropDisabledTemplateFields(template, old.template),
  warnings: ({ template }, old) =>
    old !== undefined && semanticEqual(template, old.template)
      ? []
      : podWarnings(template?.spec ?? { containers: [] }, template?.metadata, 'template'),

  columns: [
    NAME,
    { name: 'Containers', type: 'string' },
    { name: 'Images', type: 'string' },
    { name: 'Pod Labels', type: 'string' },
  ],
  row: ({ metadata, template }) => ({
    cells: [
      metadata.name,
      ...templateCells(template?.spec?.containers, undefined).slice(0, 2),
      orNone(selectorFromSet(template?.metadata?.labels).toString()),
    ],
  }),
});
