import type { FieldError } from '../field-error.ts';
import { child, forbiddenField, notSupported, required, tooLong } from '../field-error.ts';
import type * as networking from '../generated/networking.v1.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { invalidEach, validateDomainPrefixedPath, validateImmutable } from '../validation/fields.ts';
import { byteLength, nameIsDNSLabel } from '../validation/names.ts';
import { validateReference } from './ingress.ts';

export type IngressClass = networking.IngressClass;

const CONTROLLER_MAX = 250;
const SCOPES = ['Cluster', 'Namespace'];

function validateParameters(
  parameters: networking.IngressClassParametersReference | undefined,
  path: string,
): FieldError[] {
  if (parameters === undefined) return [];
  const { scope, namespace, ...reference } = parameters;
  const errors = validateReference(reference, path);
  const namespacePath = child(path, 'namespace');
  if (scope === undefined) errors.push(required(child(path, 'scope')));
  else if (!SCOPES.includes(scope)) errors.push(notSupported(child(path, 'scope'), scope, SCOPES));
  else if (scope === 'Namespace') {
    errors.push(
      ...(namespace === undefined
        ? [required(namespacePath, "`parameters.scope` is set to 'Namespace'")]
        : invalidEach(namespacePath, namespace, nameIsDNSLabel(namespace, false))),
    );
  } else if (namespace !== undefined) {
    errors.push(forbiddenField(namespacePath, "`parameters.scope` is set to 'Cluster'"));
  }
  return errors;
}

function parametersText({ spec: { parameters } }: IngressClass): string {
  if (parameters === undefined) return '<none>';
  const { apiGroup, kind, name } = parameters;
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`;
}

/** Source: pkg/apis/networking/{v1/defaults.go,validation}, pkg/registry/networking/ingressclass/strategy.go v1.36. */
export const IngressClass = defineKind<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  namespaced: false,
  definition: 'networking.v1.IngressClass',

  defaults(ingressClass) {
    ingressClass.spec ??= {};
    if (ingressClass.spec.parameters !== undefined) ingressClass.spec.parameters.scope ??= 'Cluster';
  },
  validate: ({ spec: { controller = '', parameters } }) => [
    ...(byteLength(controller) > CONTROLLER_MAX ? [tooLong('spec.controller', CONTROLLER_MAX)] : []),
    ...validateDomainPrefixedPath(controller, 'spec.controller'),
    ...validateParameters(parameters, 'spec.parameters'),
  ],
  changesFirst: true,
  validateUpdate: ({ spec }, old) =>
    validateImmutable(spec.controller ?? '', old.spec.controller ?? '', 'spec.controller'),
  generation: true,

  columns: [NAME, { name: 'Controller', type: 'string' }, { name: 'Parameters', type: 'string' }, AGE],
  row: (ingressClass, { nowMs }) => ({
    cells: [
      ingressClass.metadata.name,
      ingressClass.spec.controller ?? '',
      parametersText(ingressClass),
      age(ingressClass, nowMs),
    ],
  }),
});
