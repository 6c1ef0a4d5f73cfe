/**
 * Objects of a definition from one version to another. Source: apiextensions-apiserver
 * pkg/apiserver/conversion/{converter,nop_converter,webhook_converter}.go v0.36.
 */
import { deepClone, fieldErrorText, type KubeObject, StatusError, validateAnnotations, validateLabels } from '#api';
import { goType } from './nested.ts';
import type { ConversionWebhook } from './webhook.ts';

type JsonObject = Record<string, unknown>;

/** An object in the version asked for, or why it cannot be had. */
export type Converted = KubeObject | StatusError;

/** Takes private copies, and gives a result for each in order. Does not throw. */
export type Converter = (
  objects: readonly KubeObject[],
  apiVersion: string,
) => readonly Converted[] | Promise<readonly Converted[]>;

/** Answers about objects that cannot be had have neither reason nor prefix: they are no StatusErrors upstream. */
export const conversionError = (message: string): StatusError => new StatusError('', message);

/** Every version has the same fields. */
export const convertByName: Converter = (objects, apiVersion) => {
  for (const object of objects) object.apiVersion = apiVersion;
  return objects;
};

/** How Go prints a GroupVersionKind. */
const gvkText = ({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): string =>
  `${apiVersion}, Kind=${kind}`;

/** Objects sent to a webhook together. */
const LOT = 200;

/** Asks a webhook, about many objects at once. */
export function newWebhookConverter(webhook: ConversionWebhook): Converter {
  const convertLot = async (objects: readonly KubeObject[], apiVersion: string): Promise<readonly Converted[]> => {
    const gvk = gvkText(objects[0]!);
    let answers: readonly unknown[];
    try {
      answers = await webhook.convert(objects, apiVersion);
    } catch (error) {
      const failure = conversionError(`conversion webhook for ${gvk} failed: ${(error as Error).message}`);
      return objects.map(() => failure);
    }
    if (answers.length !== objects.length) {
      const counts = `returned ${answers.length} objects, expected ${objects.length}`;
      const failure = conversionError(`conversion webhook for ${gvk} ${counts}`);
      return objects.map(() => failure);
    }
    return answers.map((answer, i) => checked(objects[i]!, answer, apiVersion));
  };
  return async (objects, apiVersion) => {
    const out: Converted[] = [];
    for (let from = 0; from < objects.length; from += LOT)
      out.push(...(await convertLot(objects.slice(from, from + LOT), apiVersion)));
    return out;
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a webhook made of `original`, with the metadata it may not change. */
function checked(original: KubeObject, answer: unknown, apiVersion: string): Converted {
  const failed = (why: string): StatusError =>
    conversionError(`conversion webhook for ${gvkText(original)} returned ${why}`);
  if (!isObject(answer) || textOf(answer['kind']) === '') {
    const text = JSON.stringify(answer) ?? '';
    return conversionError(`Object 'Kind' is missing in '${text}'`);
  }
  const at = 'invalid object at index 0';
  const got = textOf(answer['apiVersion']);
  if (got !== apiVersion) return failed(`${at}: invalid groupVersion (expected ${apiVersion}, received ${got})`);
  if (answer['kind'] !== original.kind)
    return failed(`${at}: invalid kind (expected ${original.kind}, received ${textOf(answer['kind'])})`);
  const changed = identityError(original, isObject(answer['metadata']) ? answer['metadata'] : {});
  if (changed !== undefined) return failed(`invalid object: ${changed}`);
  const metadata = restoredMetadata(original, answer['metadata']);
  if (typeof metadata === 'string') return failed(`invalid metadata: ${metadata}`);
  return { ...answer, metadata } as unknown as KubeObject;
}

const IDENTITY = [
  ['name', 'name'],
  ['namespace', 'namespace'],
  ['uid', 'UID'],
] as const;

function identityError({ metadata: original }: KubeObject, metadata: JsonObject): string | undefined {
  for (const [field, word] of IDENTITY) {
    const expected = original[field] ?? '';
    const got = textOf(metadata[field]);
    if (expected !== got) return `must have the same ${word}: ${expected} != ${got}`;
  }
  return undefined;
}

/** The metadata there was, with the labels and annotations of the answer; or what is wrong with those. */
function restoredMetadata(original: KubeObject, answered: unknown): KubeObject['metadata'] | string {
  if (answered === undefined) return 'missing metadata in converted object';
  if (!isObject(answered)) return `invalid metadata of type ${goType(answered)} in converted object`;
  const metadata = deepClone(original.metadata);
  for (const field of ['labels', 'annotations'] as const) {
    const own = answered[field];
    if (own === undefined || own === null) {
      delete metadata[field];
      continue;
    }
    if (!isObject(own)) return `invalid metadata.${field} of type ${goType(own)} in converted object`;
    const wrong = Object.entries(own).find(([, value]) => typeof value !== 'string');
    if (wrong !== undefined)
      return `metadata.${field}[${wrong[0]}] must be a string, but is ${goType(wrong[1])} in converted object`;
    const texts = own as Record<string, string>;
    const errors =
      field === 'labels' ? validateLabels(texts, 'metadata.labels') : validateAnnotations(texts, 'metadata.annotation');
    if (errors.length > 0 && JSON.stringify(texts) !== JSON.stringify(original.metadata[field])) {
      const messages = errors.map(fieldErrorText);
      return messages.length === 1 ? messages[0]! : `[${messages.join(', ')}]`;
    }
    metadata[field] = texts;
  }
  return metadata;
}
