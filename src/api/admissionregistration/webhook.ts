import type { FieldError } from '../field-error.ts';
import { child, duplicate, invalid, required } from '../field-error.ts';
import type * as admission from '../generated/admissionregistration.v1.ts';
import type { Column, Row } from '../kind.ts';
import { defineKind } from '../kind.ts';
import { AGE, age, NAME } from '../table.ts';
import { semanticEqual } from '../validation/equal.ts';
import {
  eachOf,
  hasInvalidSelector,
  invalidEach,
  Seen,
  unchecked,
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
const ALL_SIDE_EFFECTS = ['None', 'NoneOnDryRun', 'Some', 'Unknown'];
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

/** What stored webhooks got wrong before a rule was there, others of the configuration may get wrong too. */
interface Leniency {
  readonly anySideEffects: boolean;
  readonly anyVersions: boolean;
  readonly sameNames: boolean;
  readonly invalidValues: boolean;
  readonly skipConditions: boolean;
}

function leniencyOf(webhooks: readonly Webhook[] = [], old: readonly Webhook[] | undefined): Leniency {
  const before = old ?? [];
  const names = before.map(({ name }) => name);
  const understood = ({ admissionReviewVersions: versions = [] }: Partial<Webhook>): boolean =>
    versions.length === 0 || versions.some((version) => REVIEW_VERSIONS.includes(version));
  return {
    anySideEffects: before.some(({ sideEffects }) => !SIDE_EFFECTS.includes(sideEffects)),
    anyVersions: !before.every(understood),
    sameNames: new Set(names).size < names.length,
    invalidValues: before.some(
      (hook) => hasInvalidSelector(hook.namespaceSelector) || hasInvalidSelector(hook.objectSelector),
    ),
    skipConditions:
      old !== undefined &&
      webhooks.length === old.length &&
      old.every(({ matchConditions }, i) => semanticEqual(matchConditions, webhooks[i]!.matchConditions)),
  };
}

function validateWebhooks(webhooks: readonly Webhook[] | undefined, old?: readonly Webhook[]): FieldError[] {
  const names = new Seen();
  const leniency = leniencyOf(webhooks, old);
  return eachOf(webhooks, 'webhooks', (webhook, at) => {
    const { name = '', admissionReviewVersions = [] } = unchecked(webhook);
    return [
      ...validateWebhook(webhook, at, leniency),
      ...validateReviewVersions(admissionReviewVersions, child(at, 'admissionReviewVersions'), leniency),
      ...(name === '' || leniency.sameNames || names.add(name) ? [] : [duplicate(child(at, 'name'), name)]),
    ];
  });
}

/** Source: IsFullyQualifiedName in apimachinery pkg/util/validation v0.36. */
function validateName(name: string, path: string): FieldError[] {
  if (name === '') return [required(path)];
  const wrong = isDNS1123Subdomain(name);
  if (wrong.length > 0) return [invalid(path, name, wrong.join(','))];
  return name.split('.').length < 3
    ? [invalid(path, name, 'should be a domain with at least three segments separated by dots')]
    : [];
}

function validateWebhook(webhook: Webhook, path: string, leniency: Leniency): FieldError[] {
  const { name = '', sideEffects, timeoutSeconds: seconds, clientConfig = {} } = unchecked(webhook);
  const at = (field: string): string => child(path, field);
  const effects = leniency.anySideEffects ? ALL_SIDE_EFFECTS : SIDE_EFFECTS;
  const { invalidValues } = leniency;
  return [
    ...validateName(name, at('name')),
    ...eachOf(webhook.rules, at('rules'), validateRule),
    ...validateOptionalEnum(webhook.failurePolicy, FAILURE_POLICIES, at('failurePolicy')),
    ...validateOptionalEnum(webhook.matchPolicy, MATCH_POLICIES, at('matchPolicy')),
    ...(sideEffects === undefined
      ? [required(at('sideEffects'), `must specify one of ${effects.join(', ')}`)]
      : validateOptionalEnum(sideEffects, effects, at('sideEffects'))),
    ...(seconds !== undefined && (seconds > MAX_TIMEOUT_SECONDS || seconds < 1)
      ? [invalid(at('timeoutSeconds'), seconds, 'the timeout value must be between 1 and 30 seconds')]
      : []),
    ...validateLabelSelector(webhook.namespaceSelector, at('namespaceSelector'), { invalidValues }),
    ...validateLabelSelector(webhook.objectSelector, at('objectSelector'), { invalidValues }),
    ...('reinvocationPolicy' in webhook
      ? validateOptionalEnum(webhook.reinvocationPolicy, REINVOCATION_POLICIES, at('reinvocationPolicy'))
      : []),
    ...validateClientConfig(clientConfig, at('clientConfig')),
    ...(leniency.skipConditions ? [] : validateMatchConditions(webhook.matchConditions, at('matchConditions'))),
  ];
}

function validateReviewVersions(versions: readonly string[], path: string, { anyVersions }: Leniency): FieldError[] {
  if (versions.length === 0) return [required(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)];
  const seen = new Seen();
  const errors = eachOf(versions, path, (version, at) =>
    seen.add(version) ? invalidEach(at, version, isDNS1035Label(version)) : [invalid(at, version, 'duplicate version')],
  );
  if (!anyVersions && !versions.some((version) => REVIEW_VERSIONS.includes(version))) {
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
  anyFinalizers: true,
  generation: true,
  defaults({ webhooks = [] }) {
    for (const webhook of webhooks) defaultWebhook(webhook);
  },
  validate: ({ webhooks }, old) => validateWebhooks(webhooks, old && (old.webhooks ?? [])),
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
  anyFinalizers: true,
  generation: true,
  defaults({ webhooks = [] }) {
    for (const webhook of webhooks) {
      defaultWebhook(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  validate: ({ webhooks }, old) => validateWebhooks(webhooks, old && (old.webhooks ?? [])),
  columns: COLUMNS,
  row,
});
