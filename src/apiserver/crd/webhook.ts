/** Conversion webhooks. Source: apiextensions-apiserver pkg/apiserver/conversion/webhook_converter.go v0.36. */
import type { CustomResourceDefinition, KubeObject } from '#api';
import { callWebhook, type WebhookCallOptions } from '../webhook/client.ts';
import type { ServiceResolver } from '../webhook/resolver.ts';

type WebhookConversion = NonNullable<NonNullable<CustomResourceDefinition['spec']['conversion']>['webhook']>;

export interface ConversionWebhook {
  /** What the webhook made of the objects, unchecked but for the answer as a whole. Throws an Error with the reason users are told. */
  convert(objects: readonly KubeObject[], apiVersion: string): Promise<readonly unknown[]>;
}

export interface ConversionWebhookOptions {
  readonly resolve: ServiceResolver;
  readonly newUid: () => string;
}

/** Source: defaultRequestTimeout, apiserver pkg/util/webhook/webhook.go v0.36. */
const TIMEOUT_MS = 30_000;
const GROUP = 'apiextensions.k8s.io';
/** Versions of the review this server speaks. */
const REVIEW_VERSIONS = ['v1', 'v1beta1'];

export function newConversionWebhook(
  { clientConfig, conversionReviewVersions }: WebhookConversion,
  { resolve, newUid }: ConversionWebhookOptions,
): ConversionWebhook {
  const version = (conversionReviewVersions ?? []).find((own) => REVIEW_VERSIONS.includes(own));
  const call: WebhookCallOptions = { resolve, timeoutMs: TIMEOUT_MS };
  return {
    async convert(objects, desiredAPIVersion) {
      if (version === undefined) throw new Error('no supported conversion review versions');
      const uid = newUid();
      const apiVersion = `${GROUP}/${version}`;
      const request = { uid, desiredAPIVersion, objects };
      const review = {
        kind: 'ConversionReview',
        apiVersion,
        request,
        response: { uid: '', convertedObjects: null, result: { metadata: {} } },
      };
      return convertedObjects(await callWebhook(clientConfig ?? {}, review, call), apiVersion, uid);
    },
  };
}

interface Review {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly response?: {
    readonly uid?: unknown;
    readonly result?: { readonly status?: unknown; readonly message?: unknown };
    readonly convertedObjects?: unknown;
  } | null;
}

/** Go writes the empty group of core as well. */
const groupVersion = (apiVersion: string): string => (apiVersion.includes('/') ? apiVersion : `/${apiVersion}`);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Source: getConvertedObjectsFromResponse. */
function convertedObjects(answer: unknown, apiVersion: string, uid: string): readonly unknown[] {
  const { apiVersion: version, kind, response }: Review = typeof answer === 'object' && answer !== null ? answer : {};
  const strict = apiVersion === `${GROUP}/v1`;
  if (strict && (version !== apiVersion || kind !== 'ConversionReview'))
    throw new Error(
      `expected webhook response of ${apiVersion}, Kind=ConversionReview, got ${groupVersion(text(version))}, Kind=${text(kind)}`,
    );
  if (response === undefined || response === null) throw new Error('no response provided');
  if (strict && response.uid !== uid)
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(text(response.uid))}`);
  const status = text(response.result?.status);
  if (status !== 'Success') {
    const message = text(response.result?.message);
    throw new Error(message === '' ? `response.result.status was '${status}', not 'Success'` : message);
  }
  return Array.isArray(response.convertedObjects) ? response.convertedObjects : [];
}
