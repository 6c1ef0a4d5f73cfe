/** What is wrong with one volume source of a pod. Source: validateVolumeSource and below in pkg/apis/core/validation/validation.go v1.36. */
import type { FieldError } from '../../../field-error.ts';
import { child, forbiddenField, invalid, keyPath, notSupported, required, tooLong } from '../../../field-error.ts';
import type {
  AzureDiskVolumeSource,
  EphemeralVolumeSource,
  FCVolumeSource,
  KeyToPath,
  QuobyteVolumeSource,
  Volume,
} from '../../../generated/core.v1.ts';
import { validateTemplateMetadata } from '../../../meta/template.ts';
import { compareQuantity } from '../../../quantity.ts';
import {
  eachOf,
  invalidEach,
  validateDNS1123Label,
  validateEnum,
  validateFileMode,
  validateLocalDescendingPath,
  validateOptionalEnum,
  validatePathNoBacksteps,
} from '../../../validation/fields.ts';
import { byteLength, inclusiveRangeError, isDNS1123Subdomain, nameIsDNSSubdomain } from '../../../validation/names.ts';
import { validatePersistentVolumeClaimSpec } from '../../volume/claimspec.ts';
import { validateISCSI } from './iscsi.ts';
import { validateDownwardAPIFile, validateKeyToPath, validateProjected } from './projected.ts';

export interface VolumeContext {
  /** Name of the pod; undefined in templates. */
  readonly podName: string | undefined;
  readonly isPod: boolean;
}

export type Source = Exclude<keyof Volume, 'name'>;
type Rules = {
  readonly [S in Source]-?: (source: NonNullable<Volume[S]>, path: string, context: VolumeContext) => FieldError[];
};

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

const inRange = (value: number | undefined, path: string, low: number): FieldError[] =>
  value !== undefined && (value < 0 || value > 255) ? [invalid(path, value, inclusiveRangeError(low, 255))] : [];

const validateKeys = (
  { defaultMode, items }: { defaultMode?: number | undefined; items?: KeyToPath[] | undefined },
  path: string,
): FieldError[] => [
  ...validateFileMode(defaultMode, child(path, 'defaultMode')),
  ...eachOf(items, child(path, 'items'), validateKeyToPath),
];

function validateFC({ targetWWNs = [], wwids = [], lun }: FCVolumeSource, path: string): FieldError[] {
  const [namesPath, lunPath] = [child(path, 'targetWWNs'), child(path, 'lun')];
  const errors: FieldError[] = [];
  if (targetWWNs.length === 0 && wwids.length === 0) {
    errors.push(required(namesPath, 'must specify either targetWWNs or wwids, but not both'));
  }
  if (targetWWNs.length > 0 && wwids.length > 0) {
    errors.push(invalid(namesPath, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'));
  }
  if (targetWWNs.length === 0) return errors;
  if (lun === undefined) return [...errors, required(lunPath, 'lun is required if targetWWNs is specified')];
  return [...errors, ...inRange(lun, lunPath, 0)];
}

const HOST_PORT = 'must be a host:port pair or multiple pairs separated by commas';
const TENANT_MAX = 64;

function validateQuobyte({ registry, tenant, volume }: QuobyteVolumeSource, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const at = child(path, 'registry');
  if (text(registry) === '') errors.push(required(at, HOST_PORT));
  else if (text(tenant).length > TENANT_MAX) {
    const why = `must be a UUID and may not exceed a length of ${TENANT_MAX} characters`;
    errors.push(required(child(path, 'tenant'), why));
  } else {
    const wrong = registry.split(',').filter((pair) => !/^(?:[^:[\]]*|\[[^[\]]*\]):[^:[\]]*$/.test(pair));
    errors.push(...wrong.map(() => invalid(at, registry, HOST_PORT)));
  }
  return text(volume) === '' ? [...errors, required(child(path, 'volume'))] : errors;
}

const MANAGED_DISK = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const BLOB_DISK = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

function validateAzureDisk(source: AzureDiskVolumeSource, path: string): FieldError[] {
  const { kind, diskURI } = source;
  const errors = [
    ...requireAll(source, path, 'diskName', 'diskURI'),
    ...validateOptionalEnum(source.cachingMode, ['None', 'ReadOnly', 'ReadWrite'], child(path, 'cachingMode')),
    ...validateOptionalEnum(kind, ['Dedicated', 'Managed', 'Shared'], child(path, 'kind')),
  ];
  if (kind === undefined) return errors;
  const [prefix, form] = kind === 'Managed' ? ['/subscriptions/', MANAGED_DISK] : ['https://', BLOB_DISK];
  return text(diskURI).startsWith(prefix)
    ? errors
    : [...errors, notSupported(child(path, 'diskURI'), text(diskURI), [form])];
}

/** Options of the driver's own may not look like Kubernetes'. */
export const validateFlexOptions = (options: Readonly<Record<string, string>> = {}, path: string): FieldError[] =>
  Object.keys(options)
    .filter((key) => /\.(?:kubernetes|k8s)\.io$/.test(`.${key.split('/', 1)[0]!.toLowerCase()}`))
    .map((key) =>
      invalid(keyPath(child(path, 'options'), key), key, 'kubernetes.io and k8s.io namespaces are reserved'),
    );

const DRIVER_NAME_MAX = 63;

/** Source: ValidateCSIDriverName, same file. */
export const validateCSIDriverName = (driver: string, path: string): FieldError[] =>
  driver === ''
    ? [required(path)]
    : [
        ...(byteLength(driver) > DRIVER_NAME_MAX ? [tooLong(path, DRIVER_NAME_MAX)] : []),
        ...invalidEach(path, driver, isDNS1123Subdomain(driver.toLowerCase())),
      ];

/** Source: ValidatePersistentVolumeClaimTemplate. */
function validateEphemeral({ volumeClaimTemplate: template }: EphemeralVolumeSource, path: string): FieldError[] {
  const at = child(path, 'volumeClaimTemplate');
  if (template === undefined) return [required(at)];
  return [
    ...validateTemplateMetadata(template.metadata, child(at, 'metadata')),
    ...validatePersistentVolumeClaimSpec(template.spec ?? {}, child(at, 'spec')),
  ];
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
  gcePersistentDisk: (source, path) => [
    ...requireAll(source, path, 'pdName'),
    ...inRange(source.partition, child(path, 'partition'), 1),
  ],
  awsElasticBlockStore: (source, path) => [
    ...requireAll(source, path, 'volumeID'),
    ...inRange(source.partition, child(path, 'partition'), 1),
  ],
  secret: (source, path) => [...requireAll(source, path, 'secretName'), ...validateKeys(source, path)],
  nfs: (source, path) => [
    ...requireAll(source, path, 'server', 'path'),
    ...(text(source.path).startsWith('/')
      ? []
      : [invalid(child(path, 'path'), text(source.path), 'must be an absolute path')]),
  ],
  iscsi: (source, path) => validateISCSI(source, path, 'must be valid format starting with iqn, eui, or naa'),
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
  quobyte: validateQuobyte,
  downwardAPI: ({ items, defaultMode }, path) => [
    ...validateFileMode(defaultMode, child(path, 'defaultMode')),
    // Upstream gives the path of the volume source for every item.
    ...(items ?? []).flatMap((file) => validateDownwardAPIFile(file, path)),
  ],
  fc: validateFC,
  flexVolume: (source, path) => [...requireAll(source, path, 'driver'), ...validateFlexOptions(source.options, path)],
  configMap: (source, path) => [...requireAll(source, path, 'name'), ...validateKeys(source, path)],
  azureFile: (source, path) => requireAll(source, path, 'secretName', 'shareName'),
  vsphereVolume: (source, path) => requireAll(source, path, 'volumePath'),
  photonPersistentDisk: (source, path) => requireAll(source, path, 'pdID'),
  portworxVolume: (source, path) => requireAll(source, path, 'volumeID'),
  azureDisk: validateAzureDisk,
  storageos: (source, path) => [...validateStorageOSNames(source, path), ...secretRefName(source.secretRef, path)],
  projected: validateProjected,
  scaleIO: (source, path) => requireAll(source, path, 'gateway', 'system', 'volumeName'),
  csi: ({ driver, nodePublishSecretRef: secret }, path) => [
    ...validateCSIDriverName(text(driver), child(path, 'driver')),
    ...(secret === undefined
      ? []
      : text(secret.name) === ''
        ? [required(child(path, 'nodePublishSecretRef', 'name'))]
        : // Upstream leaves the secret out of this path.
          invalidEach(child(path, 'name'), secret.name, nameIsDNSSubdomain(secret.name!, false))),
  ],
  ephemeral: validateEphemeral,
  image: (source, path) => [
    ...requireAll(source, path, 'reference'),
    ...validateEnum(source.pullPolicy, PULL_POLICIES, child(path, 'pullPolicy')),
  ],
};

/** Names of a StorageOS volume, of pods and of persistent volumes. */
export const validateStorageOSNames = (
  source: { volumeName?: string | undefined; volumeNamespace?: string | undefined },
  path: string,
): FieldError[] => [
  ...requireAll(source, path, 'volumeName'),
  ...(['volumeName', 'volumeNamespace'] as const).flatMap((field) =>
    text(source[field]) === '' ? [] : validateDNS1123Label(source[field]!, child(path, field)),
  ),
];

const NAMES = Object.keys(RULES) as Source[];

export const sourcesOf = (volume: Volume): Source[] => NAMES.filter((source) => volume[source] !== undefined);

export const validateOne = <S extends Source>(
  volume: Volume,
  source: S,
  path: string,
  context: VolumeContext,
): FieldError[] =>
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
