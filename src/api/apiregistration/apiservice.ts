import type { FieldError } from '../field-error.ts';
import { child, invalid, notSupported, required } from '../field-error.ts';
import type * as apiregistration from '../generated/apiregistration.v1.ts';
import { defineKind } from '../kind.ts';
import { resetMetadataForStatus } from '../meta/reset.ts';
import { AGE, age, NAME } from '../table.ts';
import { eachOf, invalidEach, unchecked } from '../validation/fields.ts';
import { inclusiveRangeError, isDNS1035Label, isDNS1123Subdomain, nameIsPathSegment } from '../validation/names.ts';

export type APIService = apiregistration.APIService;

const DEFAULT_PORT = 443;
const STATUSES = ['True', 'False', 'Unknown'];

/** Source: ValidateAPIService in kube-aggregator pkg/apis/apiregistration/validation v1.36. */
function validateAPIService({ metadata, spec }: APIService): FieldError[] {
  const {
    group = '',
    version = '',
    service,
    caBundle = '',
    groupPriorityMinimum = 0,
    versionPriority = 0,
  } = unchecked(spec);
  const wanted = `${version}.${group}`;
  const errors: FieldError[] = [];
  if (metadata.name !== wanted) {
    errors.push(invalid('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: "${wanted}"`));
  }
  if (group === '' && version !== 'v1') {
    errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
  }
  if (group !== '') errors.push(...invalidEach('spec.group', group, isDNS1123Subdomain(group)));
  errors.push(...invalidEach('spec.version', version, isDNS1035Label(version)));
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > 20_000) {
    errors.push(invalid('spec.groupPriorityMinimum', groupPriorityMinimum, 'must be positive and less than 20000'));
  }
  if (versionPriority <= 0 || versionPriority > 1000) {
    errors.push(invalid('spec.versionPriority', versionPriority, 'must be positive and less than 1000'));
  }
  if (service === undefined) {
    if (caBundle !== '') {
      errors.push(
        invalid(
          'spec.caBundle',
          `${Buffer.from(caBundle, 'base64').length} bytes`,
          'local APIServices may not have a caBundle',
        ),
      );
    }
    if (spec.insecureSkipTLSVerify === true) {
      const why = 'local APIServices may not have insecureSkipTLSVerify';
      errors.push(invalid('spec.insecureSkipTLSVerify', true, why));
    }
    return errors;
  }
  if ((service.namespace ?? '') === '') errors.push(required('spec.service.namespace'));
  if ((service.name ?? '') === '') errors.push(required('spec.service.name'));
  const { port = 0 } = service;
  if (port < 1 || port > 65_535) {
    errors.push(invalid('spec.service.port', port, `port is not valid: ${inclusiveRangeError(1, 65_535)}`));
  }
  if (spec.insecureSkipTLSVerify === true && caBundle !== '') {
    errors.push(invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'));
  }
  return errors;
}

const serviceText = ({ spec: { service } }: APIService): string =>
  service === undefined ? 'Local' : `${service.namespace ?? ''}/${service.name ?? ''}`;

function availableText({ status }: APIService): string {
  const condition = (status.conditions ?? []).find(({ type }) => type === 'Available');
  if (condition === undefined) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}

/** Source: kube-aggregator pkg/registry/apiservice/{strategy.go,etcd/etcd.go} v1.36. */
export const APIService = defineKind<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  anyFinalizers: true,
  categories: ['api-extensions'],
  namespaced: false,
  definition: 'apiregistration.v1.APIService',
  storagePrefix: 'apiregistration.k8s.io/apiservices',
  unconditionalUpdate: false,

  defaults(service) {
    service.spec ??= { groupPriorityMinimum: 0, versionPriority: 0 };
    service.status ??= {};
    if (service.spec.service !== undefined) service.spec.service.port ??= DEFAULT_PORT;
  },
  validateName: nameIsPathSegment,
  validate: validateAPIService,
  prepareForCreate(service) {
    const { creationTimestamp } = service.metadata;
    service.status = {};
    if (service.spec.service !== undefined) return;
    // What this server serves itself is there at once.
    service.status.conditions = [
      {
        type: 'Available',
        status: 'True',
        lastTransitionTime: creationTimestamp,
        reason: 'Local',
        message: 'Local APIServices are always available',
      },
    ];
  },
  status: {
    prepareForUpdate(service, old) {
      service.spec = old.spec;
      resetMetadataForStatus(service, old);
    },
    validateUpdate: ({ status }) =>
      eachOf(status.conditions, 'status.conditions', (condition, at) => {
        const { status: value = '' } = unchecked(condition);
        return STATUSES.includes(value) ? [] : [notSupported(child(at, 'status'), value, STATUSES)];
      }),
  },

  columns: [NAME, { name: 'Service', type: 'string' }, { name: 'Available', type: 'string' }, AGE],
  row: (service, { nowMs }) => ({
    cells: [service.metadata.name, serviceText(service), availableText(service), age(service, nowMs)],
  }),
});
