import type { FieldError } from '../field-error.ts';
import { child, duplicate, index, invalid, required } from '../field-error.ts';
import type * as admission from '../generated/admissionregistration.v1.ts';
import type { Column, Row } from '../kind.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  unchecked,
  validateEnum,
  validateLabelSelector,
  validateOptionalEnum,
} from '../validation/fields.ts';
import { isDNS1035Label, isDNS1123Subdomain } from '../validation/names.ts';
import { validateWebhookService, validateWebhookURL } from '../validation/webhook.ts';
import {
  ADMISSION_GROUP,
  defaultRules,
  FAILURE_POLICIES,
  MATCH_POLICIES,
  REINVOCATION_POLICIES,
  validateMatchConditions,
  validateRule,
} from './common.ts';

export type ValidatingWebhookConfiguration = admission.ValidatingWebhookConfiguration;
export type MutatingWebhookConfiguration = admission.MutatingWebhookConfiguration;

type Webhook = admission.ValidatingWebhook | admission.MutatingWebhook;

const DEFAULT_TIMEOUT_SECONDS = 10;
const MAX_TIMEOUT_SECONDS = 30;
const SIDE_EFFECTS = ['None', 'NoneOnDryRun'];
/** Versions of AdmissionReview the server can send; one of them has to be understood. */
const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const DEFAULT_PORT = 443;

function defaultWebhook(webhook: Webhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= DEFAULT_TIMEOUT_SECONDS;
  defaultRules(webhook.rules);
  const service = unchecked(webhook).clientConfig?.service;
  if (service !== undefined) service.port ??= DEFAULT_PORT;
}

function validateWebhooks(webhooks: readonly Webhook[] | undefined): FieldError[] {
  const names = new Seen();
  return eachOf(webhooks, 'webhooks', (webhook, at) => {
    const name = unchecked(webhook).name ?? '';
    return [...validateWebhook(webhook, at), ...(names.add(name) ? [] : [duplicate(child(at, 'name'), name)])];
  });
}

function validateWebhook(webhook: Webhook, path: string): FieldError[] {
  const { name = '', sideEffects, timeoutSeconds: seconds, clientConfig = {} } = unchecked(webhook);
  const at = (field: string): string => child(path, field);
  const errors = invalidEach(at('name'), name, isDNS1123Subdomain(name));
  if (errors.length === 0 && name.split('.').length < 3) {
    errors.push(invalid(at('name'), name, 'should be a domain with at least three segments separated by dots'));
  }
  errors.push(
    ...eachOf(webhook.rules, at('rules'), validateRule),
    ...validateOptionalEnum(webhook.failurePolicy, FAILURE_POLICIES, at('failurePolicy')),
    ...validateOptionalEnum(webhook.matchPolicy, MATCH_POLICIES, at('matchPolicy')),
    ...validateEnum(sideEffects, SIDE_EFFECTS, at('sideEffects')),
  );
  if (seconds !== undefined && (seconds > MAX_TIMEOUT_SECONDS || seconds < 1)) {
    errors.push(invalid(at('timeoutSeconds'), seconds, 'the timeout value must be between 1 and 30 seconds'));
  }
  if ('reinvocationPolicy' in webhook) {
    errors.push(...validateOptionalEnum(webhook.reinvocationPolicy, REINVOCATION_POLICIES, at('reinvocationPolicy')));
  }
  return [
    ...errors,
    ...validateLabelSelector(webhook.namespaceSelector, at('namespaceSelector')),
    ...validateLabelSelector(webhook.objectSelector, at('objectSelector')),
    ...validateClientConfig(clientConfig, at('clientConfig')),
    ...validateReviewVersions(unchecked(webhook).admissionReviewVersions ?? [], at('admissionReviewVersions')),
    ...validateMatchConditions(webhook.matchConditions, at('matchConditions')),
  ];
}

function validateReviewVersions(versions: readonly string[], path: string): FieldError[] {
  if (versions.length === 0) return [required(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)];
  const seen = new Seen();
  const errors = versions.flatMap((version, i) => [
    ...(seen.add(version) ? [] : [invalid(index(path, i), version, 'duplicate version')]),
    ...invalidEach(index(path, i), version, isDNS1035Label(version)),
  ]);
  if (errors.length === 0 && !versions.some((version) => REVIEW_VERSIONS.includes(version))) {
    errors.push(invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`));
  }
  return errors;
}

function validateClientConfig({ url, service }: admission.WebhookClientConfig, path: string): FieldError[] {
  if (url !== undefined && service === undefined) return validateWebhookURL(url, child(path, 'url'));
  if (service === undefined || url !== undefined) return [required(path, 'exactly one of url or service is required')];
  return validateWebhookService({ ...service, port: service.port ?? DEFAULT_PORT }, child(path, 'service'));
}

const COLUMNS: readonly Column[] = [NAME, { name: 'Webhooks', type: 'integer' }, AGE];
const row = (
  configuration: ValidatingWebhookConfiguration | MutatingWebhookConfiguration,
  { nowMs }: { readonly nowMs: number },
): Row => ({
  cells: [configuration.metadata.name, (configuration.webhooks ?? []).length, age(configuration, nowMs)],
});

/** Source: pkg/registry/admissionregistration/validatingwebhookconfiguration/strategy.go v1.36. */
export const ValidatingWebhookConfiguration = defineKind<ValidatingWebhookConfiguration>({
  group: ADMISSION_GROUP,
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  categories: ['api-extensions'],
  namespaced: false,
  definition: 'admissionregistration.v1.ValidatingWebhookConfiguration',
  unconditionalUpdate: false,
  generation: true,
  defaults({ webhooks = [] }) {
    for (const webhook of webhooks) defaultWebhook(webhook);
  },
  validate: ({ webhooks }) => validateWebhooks(webhooks),
  columns: COLUMNS,
  row,
});

/** Source: pkg/registry/admissionregistration/mutatingwebhookconfiguration/strategy.go v1.36. */
export const MutatingWebhookConfiguration = defineKind<MutatingWebhookConfiguration>({
  group: ADMISSION_GROUP,
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  categories: ['api-extensions'],
  namespaced: false,
  definition: 'admissionregistration.v1.MutatingWebhookConfiguration',
  unconditionalUpdate: false,
  generation: true,
  defaults({ webhooks = [] }) {
    for (const webhook of webhooks) {
      defaultWebhook(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  validate: ({ webhooks }) => validateWebhooks(webhooks),
  columns: COLUMNS,
  row,
});
