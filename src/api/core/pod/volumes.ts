/** Validation of pod volumes. Source: validateVolumeSource and below in pkg/apis/core/validation/validation.go v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, forbiddenField, index, invalid, required } from '../../field-error.ts';
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ObjectFieldSelector,
  ProjectedVolumeSource,
  ResourceFieldSelector,
  Volume,
  VolumeProjection,
} from '../../generated/core.v1.ts';
import { compareQuantity } from '../../quantity.ts';
import {
  eachOf,
  invalidEach,
  Seen,
  validateDNS1123Label,
  validateDNS1123Subdomain,
  validateEnum,
  validateFileMode,
  validateLabelSelector,
  validateLocalDescendingPath,
  validateLocalNonReservedPath,
  validateOptionalEnum,
  validatePathNoBacksteps,
} from '../../validation/fields.ts';
import { isDNS1123Subdomain, nameIsDNSSubdomain } from '../../validation/names.ts';
import { validateObjectFieldSelector, validateResourceFieldSelector } from './downward.ts';

/** Volumes by name, those only that are valid themselves. */
export type Volumes = ReadonlyMap<string, Volume>;

export interface VolumeContext {
  /** Name of the pod; undefined in templates. */
  readonly podName: string | undefined;
  readonly isPod: boolean;
}

type Source = Exclude<keyof Volume, 'name'>;
type Rules = {
  readonly [S in Source]-?: (source: NonNullable<Volume[S]>, path: string, context: VolumeContext) => FieldError[];
};

export function validateVolumes(
  volumes: readonly Volume[] = [],
  path: string,
  context: VolumeContext,
): { volumes: Volumes; errors: FieldError[] } {
  const errors: FieldError[] = [];
  const valid = new Map<string, Volume>();
  const names = new Seen();
  const created = new Set(
    context.podName === undefined ? [] : volumes.filter((v) => v.ephemeral).map((v) => `${context.podName}-${v.name}`),
  );
  for (const [i, volume] of volumes.entries()) {
    const at = index(path, i);
    const name = volume.name ?? '';
    const own = [
      ...validateVolumeSource(volume, at, context),
      ...(name === '' ? [required(child(at, 'name'))] : validateDNS1123Label(name, child(at, 'name'))),
    ];
    if (names.has(name))
      own.push({
        type: 'FieldValueDuplicate',
        field: child(at, 'name'),
        message: `Duplicate value: ${JSON.stringify(name)}`,
      });
    if (own.length === 0) {
      names.add(name);
      valid.set(name, volume);
    } else errors.push(...own);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim !== undefined && created.has(claim)) {
      errors.push(
        invalid(
          child(at, 'persistentVolumeClaim', 'claimName'),
          claim,
          'must not reference a PVC that gets created for an ephemeral volume',
        ),
      );
    }
  }
  return { volumes: valid, errors };
}

function validateVolumeSource(volume: Volume, path: string, context: VolumeContext): FieldError[] {
  const present = (Object.keys(RULES) as Source[]).filter((source) => volume[source] !== undefined);
  if (present.length === 0) return [required(path, 'must specify a volume type')];
  const [first, ...others] = present;
  return [
    ...validateOne(volume, first!, child(path, PATHS[first!] ?? first!), context),
    ...others.map((source) => forbiddenField(child(path, source), 'may not specify more than 1 volume type')),
    ...validateNames(volume, path, context),
  ];
}

const validateOne = <S extends Source>(volume: Volume, source: S, path: string, context: VolumeContext): FieldError[] =>
  (RULES[source] as Rules[S] & ((value: unknown, path: string, context: VolumeContext) => FieldError[]))(
    volume[source],
    path,
    context,
  );

/** A source persistent volumes have in the same form as pods. */
export const validateSharedSource = <S extends Source>(source: S, value: Volume[S], path: string): FieldError[] =>
  value === undefined
    ? []
    : validateOne({ name: '', [source]: value }, source, path, { podName: undefined, isPod: false });

/** What depends on the volume's name beside its source. */
function validateNames({ name, iscsi, ephemeral }: Volume, path: string, { podName }: VolumeContext): FieldError[] {
  const errors: FieldError[] = [];
  if (iscsi?.initiatorName !== undefined && `${name}:${iscsi.targetPortal}`.length > 64) {
    errors.push(
      invalid(
        child(path, 'name'),
        name,
        'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.',
      ),
    );
  }
  if (ephemeral !== undefined && podName !== undefined && podName !== '' && (name ?? '') !== '') {
    const claim = `${podName}-${name}`;
    const messages = nameIsDNSSubdomain(claim, false).map((message) => `PVC name ${JSON.stringify(claim)}: ${message}`);
    errors.push(...invalidEach(child(path, 'name'), name, messages));
  }
  return errors;
}

const text = (value: string | undefined): string => value ?? '';

/** One `required` error for each of `fields` that is absent or empty. */
export function requireAll<T extends object>(
  source: T,
  path: string,
  ...fields: readonly (keyof T & string)[]
): FieldError[] {
  return fields
    .filter((field) => {
      const value: unknown = source[field];
      return value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
    })
    .map((field) => required(child(path, field)));
}

const secretRefName = (secretRef: { name?: string | undefined } | undefined, path: string): FieldError[] =>
  secretRef !== undefined && text(secretRef.name) === '' ? [required(child(path, 'secretRef', 'name'))] : [];

const partition = (value: number | undefined, path: string): FieldError[] =>
  value !== undefined && (value < 0 || value > 255)
    ? [invalid(child(path, 'partition'), value, 'must be between 1 and 255, inclusive')]
    : [];

const validateKeyToPath = (item: KeyToPath, path: string): FieldError[] => [
  ...requireAll(item, path, 'key', 'path'),
  ...validateLocalNonReservedPath(text(item.path), child(path, 'path')),
  ...validateFileMode(item.mode, child(path, 'mode')),
];

const validateKeys = (
  { defaultMode, items }: { defaultMode?: number | undefined; items?: KeyToPath[] | undefined },
  path: string,
): FieldError[] => [
  ...validateFileMode(defaultMode, child(path, 'defaultMode')),
  ...eachOf(items, child(path, 'items'), validateKeyToPath),
];

const VOLUME_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

function validateDownwardAPIFile(file: DownwardAPIVolumeFile, path: string): FieldError[] {
  const errors = [
    ...requireAll(file, path, 'path'),
    ...validateLocalNonReservedPath(text(file.path), child(path, 'path')),
    ...validateSelectors(file, path),
    ...validateFileMode(file.mode, child(path, 'mode')),
  ];
  return errors;
}

function validateSelectors(
  {
    fieldRef,
    resourceFieldRef,
  }: { fieldRef?: ObjectFieldSelector | undefined; resourceFieldRef?: ResourceFieldSelector | undefined },
  path: string,
): FieldError[] {
  if (fieldRef === undefined && resourceFieldRef === undefined) {
    return [required(path, 'one of fieldRef and resourceFieldRef is required')];
  }
  if (fieldRef === undefined) {
    return validateResourceFieldSelector(resourceFieldRef!, child(path, 'resourceFieldRef'), true);
  }
  return [
    ...validateObjectFieldSelector(fieldRef, VOLUME_FIELDS, child(path, 'fieldRef')),
    ...(resourceFieldRef === undefined
      ? []
      : [invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously')]),
  ];
}

function validateProjected({ sources = [], defaultMode }: ProjectedVolumeSource, path: string): FieldError[] {
  const paths = new Seen();
  const conflicting = (file: string | undefined, shown: string): FieldError[] =>
    text(file) === '' || paths.add(file!) ? [] : [invalid(path, shown, 'conflicting duplicate paths')];
  return [
    ...validateFileMode(defaultMode, child(path, 'defaultMode')),
    ...eachOf(sources, child(path, 'sources'), (source, at) => validateProjection(source, at, path, conflicting)),
  ];
}

function validateProjection(
  source: VolumeProjection,
  at: string,
  volumePath: string,
  conflicting: (file: string | undefined, shown: string) => FieldError[],
): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['secret', 'configMap'] as const) {
    const projection = source[field];
    if (projection === undefined) continue;
    errors.push(...requireAll(projection, child(at, field), 'name'));
    for (const [i, item] of (projection.items ?? []).entries()) {
      errors.push(...validateKeyToPath(item, index(child(at, field, 'items'), i)));
      errors.push(...conflicting(item.path, text(projection.name)));
    }
  }
  for (const file of source.downwardAPI?.items ?? []) {
    errors.push(...validateDownwardAPIFile(file, child(at, 'downwardAPI')), ...conflicting(file.path, file.path));
  }
  errors.push(...validateTokenProjection(source.serviceAccountToken, at, volumePath));
  errors.push(...validateTrustBundle(source.clusterTrustBundle, child(at, 'clusterTrustBundle')));
  if (source.clusterTrustBundle !== undefined) {
    errors.push(...conflicting(source.clusterTrustBundle.path, source.clusterTrustBundle.path));
  }
  if (Object.values(source).filter((value) => value !== undefined).length > 1) {
    errors.push(forbiddenField(at, 'may not specify more than 1 volume type per source'));
  }
  return errors;
}

function validateTokenProjection(
  token: VolumeProjection['serviceAccountToken'],
  at: string,
  volumePath: string,
): FieldError[] {
  if (token === undefined) return [];
  const errors: FieldError[] = [];
  const seconds = token.expirationSeconds ?? 3600;
  const secondsPath = child(at, 'serviceAccountToken', 'expirationSeconds');
  if (seconds < 600) errors.push(invalid(secondsPath, seconds, 'may not specify a duration less than 10 minutes'));
  if (seconds > 2 ** 32)
    errors.push(invalid(secondsPath, seconds, 'may not specify a duration larger than 2^32 seconds'));
  // Upstream names the path of the volume here, not of the source.
  const path = child(volumePath, 'path');
  if (text(token.path) === '') errors.push(required(path));
  else errors.push(...validateLocalNonReservedPath(token.path, path));
  return errors;
}

function validateTrustBundle(bundle: VolumeProjection['clusterTrustBundle'], path: string): FieldError[] {
  if (bundle === undefined) return [];
  const errors: FieldError[] = [];
  if (bundle.name !== undefined && bundle.signerName !== undefined) {
    errors.push(invalid(path, bundle, 'only one of name and signerName may be used'));
  } else if (bundle.name !== undefined) {
    if (bundle.name === '') errors.push(required(child(path, 'name'), 'must be a valid object name'));
    if (bundle.labelSelector !== undefined) {
      errors.push(
        invalid(child(path, 'labelSelector'), bundle.labelSelector, 'labelSelector must be unset if name is specified'),
      );
    }
  } else if (bundle.signerName !== undefined) {
    if (bundle.signerName === '') errors.push(required(child(path, 'signerName'), 'must be a valid signer name'));
    errors.push(...validateLabelSelector(bundle.labelSelector, child(path, 'labelSelector')));
  } else errors.push(required(path, 'either name or signerName must be specified'));
  errors.push(
    ...requireAll(bundle, path, 'path'),
    ...validateLocalNonReservedPath(text(bundle.path), child(path, 'path')),
  );
  return errors;
}

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];
export const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];

/** Paths that are spelled differently in messages than in objects. */
const PATHS: Partial<Record<Source, string>> = { gcePersistentDisk: 'persistentDisk' };

/** In the order in which upstream looks at them: the first one present counts, the others are too many. */
const RULES: Rules = {
  emptyDir: ({ sizeLimit }, path) =>
    sizeLimit !== undefined && compareQuantity(sizeLimit, '0') < 0
      ? [forbiddenField(child(path, 'sizeLimit'), 'SizeLimit field must be a valid resource quantity')]
      : [],
  hostPath: (source, path) =>
    text(source.path) === ''
      ? [required(child(path, 'path'))]
      : [
          ...validatePathNoBacksteps(source.path, child(path, 'path')),
          ...validateOptionalEnum(source.type, HOST_PATH_TYPES, child(path, 'type')),
        ],
  gitRepo: (source, path) => [
    ...requireAll(source, path, 'repository'),
    ...validateLocalDescendingPath(text(source.directory), child(path, 'directory')),
  ],
  gcePersistentDisk: (source, path) => [...requireAll(source, path, 'pdName'), ...partition(source.partition, path)],
  awsElasticBlockStore: (source, path) => [
    ...requireAll(source, path, 'volumeID'),
    ...partition(source.partition, path),
  ],
  secret: (source, path) => [...requireAll(source, path, 'secretName'), ...validateKeys(source, path)],
  nfs: (source, path) => [
    ...requireAll(source, path, 'server', 'path'),
    ...(text(source.path).startsWith('/')
      ? []
      : [invalid(child(path, 'path'), text(source.path), 'must be an absolute path')]),
  ],
  iscsi: (source, path) => [
    ...requireAll(source, path, 'targetPortal', 'iqn'),
    ...(text(source.iqn) === '' || /^(iqn|eui|naa)/.test(source.iqn)
      ? []
      : [invalid(child(path, 'iqn'), source.iqn, 'must be valid format starting with iqn, eui, or naa')]),
  ],
  glusterfs: (source, path) => requireAll(source, path, 'endpoints', 'path'),
  flocker: ({ datasetName, datasetUUID }, path) => [
    ...(text(datasetName) === '' && text(datasetUUID) === ''
      ? [required(path, 'one of datasetName and datasetUUID is required')]
      : []),
    ...(text(datasetName) !== '' && text(datasetUUID) !== ''
      ? [invalid(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously')]
      : []),
    ...(text(datasetName).includes('/')
      ? [invalid(child(path, 'datasetName'), datasetName, "must not contain '/'")]
      : []),
  ],
  persistentVolumeClaim: (source, path) => requireAll(source, path, 'claimName'),
  rbd: (source, path) => requireAll(source, path, 'monitors', 'image'),
  cinder: (source, path) => [...requireAll(source, path, 'volumeID'), ...secretRefName(source.secretRef, path)],
  cephfs: (source, path) => requireAll(source, path, 'monitors'),
  quobyte: (source, path) => requireAll(source, path, 'registry', 'volume'),
  downwardAPI: ({ items, defaultMode }, path) => [
    ...validateFileMode(defaultMode, child(path, 'defaultMode')),
    // Upstream gives the path of the volume source for every item.
    ...(items ?? []).flatMap((file) => validateDownwardAPIFile(file, path)),
  ],
  fc: ({ targetWWNs = [], wwids = [], lun }, path) => [
    ...(targetWWNs.length === 0 && wwids.length === 0
      ? [required(child(path, 'targetWWNs'), 'must specify either targetWWNs or wwids, but not both')]
      : []),
    ...(targetWWNs.length > 0 && lun === undefined
      ? [required(child(path, 'lun'), 'lun is required if targetWWNs is specified')]
      : []),
  ],
  flexVolume: (source, path) => requireAll(source, path, 'driver'),
  configMap: (source, path) => [...requireAll(source, path, 'name'), ...validateKeys(source, path)],
  azureFile: (source, path) => requireAll(source, path, 'secretName', 'shareName'),
  vsphereVolume: (source, path) => requireAll(source, path, 'volumePath'),
  photonPersistentDisk: (source, path) => requireAll(source, path, 'pdID'),
  portworxVolume: (source, path) => requireAll(source, path, 'volumeID'),
  azureDisk: (source, path) => requireAll(source, path, 'diskName', 'diskURI'),
  storageos: (source, path) => [
    ...requireAll(source, path, 'volumeName'),
    ...(text(source.volumeName) === '' ? [] : validateDNS1123Label(source.volumeName!, child(path, 'volumeName'))),
    ...secretRefName(source.secretRef, path),
  ],
  projected: validateProjected,
  scaleIO: (source, path) => requireAll(source, path, 'gateway', 'system', 'volumeName'),
  csi: ({ driver, nodePublishSecretRef }, path) => [
    ...(text(driver) === '' ? [required(child(path, 'driver'))] : []),
    ...(text(driver).length > 63
      ? [
          {
            type: 'FieldValueTooLong' as const,
            field: child(path, 'driver'),
            message: 'Too long: may not be more than 63 bytes',
          },
        ]
      : []),
    ...invalidEach(child(path, 'driver'), text(driver), isDNS1123Subdomain(text(driver).toLowerCase())),
    ...(nodePublishSecretRef === undefined
      ? []
      : text(nodePublishSecretRef.name) === ''
        ? [required(child(path, 'nodePublishSecretRef', 'name'))]
        : validateDNS1123Subdomain(nodePublishSecretRef.name!, child(path, 'nodePublishSecretRef', 'name'))),
  ],
  ephemeral: ({ volumeClaimTemplate }, path) =>
    volumeClaimTemplate === undefined
      ? [required(child(path, 'volumeClaimTemplate'))]
      : validateEnum(
          volumeClaimTemplate.spec.volumeMode ?? 'Filesystem',
          ['Block', 'Filesystem'],
          child(path, 'volumeClaimTemplate', 'spec', 'volumeMode'),
        ),
  image: (source, path, { isPod }) => [
    ...(isPod ? requireAll(source, path, 'reference') : []),
    ...validateEnum(source.pullPolicy, PULL_POLICIES, child(path, 'pullPolicy')),
  ],
};
