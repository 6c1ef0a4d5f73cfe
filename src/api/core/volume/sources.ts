/** Where a persistent volume's data is. Source: ValidatePersistentVolumeSpec in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, forbiddenField, invalid, required, tooLong } from '../../field-error.ts';
import type {
  CSIPersistentVolumeSource,
  LocalVolumeSource,
  PersistentVolumeSpec,
  SecretReference,
} from '../../generated/core.v1.ts';
import { invalidEach, unchecked, validateDNS1123Label, validatePathNoBacksteps } from '../../validation/fields.ts';
import { isDNS1123Subdomain } from '../../validation/names.ts';
import { requireAll, validateSharedSource } from '../pod/volumes.ts';

type Source = Exclude<
  keyof PersistentVolumeSpec,
  | 'accessModes'
  | 'capacity'
  | 'claimRef'
  | 'mountOptions'
  | 'nodeAffinity'
  | 'persistentVolumeReclaimPolicy'
  | 'storageClassName'
  | 'volumeAttributesClassName'
  | 'volumeMode'
>;
type Rule = (spec: PersistentVolumeSpec, path: string) => FieldError[];

const DRIVER_NAME_MAX = 63;

/** A secret of another namespace: both names, or none. */
const secretRef = (ref: SecretReference | undefined, path: string): FieldError[] =>
  ref === undefined ? [] : requireAll(ref, path, 'name', 'namespace');

/** Source: ValidateCSIDriverName in pkg/apis/core/validation v1.36. */
export const validateCSIDriverName = (driver: string, path: string): FieldError[] => [
  ...(driver === '' ? [required(path)] : []),
  ...(driver.length > DRIVER_NAME_MAX ? [tooLong(path, DRIVER_NAME_MAX)] : []),
  ...invalidEach(path, driver, isDNS1123Subdomain(driver.toLowerCase())),
];

function validateCSI(source: CSIPersistentVolumeSource, path: string): FieldError[] {
  const { driver = '', volumeHandle = '' } = unchecked(source);
  return [
    ...validateCSIDriverName(driver, child(path, 'driver')),
    ...(volumeHandle === '' ? [required(child(path, 'volumeHandle'))] : []),
    ...(
      [
        'controllerPublishSecretRef',
        'controllerExpandSecretRef',
        'nodePublishSecretRef',
        'nodeStageSecretRef',
        'nodeExpandSecretRef',
      ] as const
    ).flatMap((field) => secretRef(source[field], child(path, field))),
  ];
}

const validateLocal = (source: LocalVolumeSource, path: string): FieldError[] => [
  ...requireAll(source, path, 'path'),
  ...(unchecked(source).path === undefined ? [] : validatePathNoBacksteps(source.path, child(path, 'path'))),
];

/** In the order in which upstream looks at them: the first one present counts, the others are too many. */
const SOURCES: Readonly<Record<Source, Rule>> = {
  hostPath: ({ hostPath }, path) => validateSharedSource('hostPath', hostPath, path),
  gcePersistentDisk: ({ gcePersistentDisk }, path) =>
    validateSharedSource('gcePersistentDisk', gcePersistentDisk, path.replace(/gcePersistentDisk$/, 'persistentDisk')),
  awsElasticBlockStore: (spec, path) => validateSharedSource('awsElasticBlockStore', spec.awsElasticBlockStore, path),
  glusterfs: ({ glusterfs }, path) => [
    ...validateSharedSource('glusterfs', glusterfs, path),
    ...(glusterfs?.endpointsNamespace === ''
      ? [
          invalid(
            child(path, 'endpointsNamespace'),
            '',
            'if the endpointnamespace is set, it must be a valid namespace name',
          ),
        ]
      : []),
  ],
  flocker: ({ flocker }, path) => validateSharedSource('flocker', flocker, path),
  nfs: ({ nfs }, path) => validateSharedSource('nfs', nfs, path),
  rbd: ({ rbd }, path) => requireAll(rbd!, path, 'monitors', 'image'),
  quobyte: ({ quobyte }, path) => validateSharedSource('quobyte', quobyte, path),
  cephfs: ({ cephfs }, path) => requireAll(cephfs!, path, 'monitors'),
  iscsi: ({ iscsi }, path) => [
    ...requireAll(iscsi!, path, 'targetPortal', 'iqn'),
    ...(/^(iqn|eui|naa|$)/.test(iscsi!.iqn ?? '')
      ? []
      : [invalid(child(path, 'iqn'), iscsi!.iqn, 'must be valid format starting with iqn, eui, or naa')]),
  ],
  cinder: ({ cinder }, path) => [
    ...requireAll(cinder!, path, 'volumeID'),
    ...secretRef(cinder!.secretRef, child(path, 'secretRef')),
  ],
  fc: ({ fc }, path) => validateSharedSource('fc', fc, path),
  flexVolume: ({ flexVolume }, path) => requireAll(flexVolume!, path, 'driver'),
  azureFile: ({ azureFile }, path) => [
    ...requireAll(azureFile!, path, 'secretName', 'shareName'),
    ...(azureFile!.secretNamespace === '' ? [required(child(path, 'secretNamespace'))] : []),
  ],
  vsphereVolume: ({ vsphereVolume }, path) => validateSharedSource('vsphereVolume', vsphereVolume, path),
  photonPersistentDisk: (spec, path) => validateSharedSource('photonPersistentDisk', spec.photonPersistentDisk, path),
  portworxVolume: ({ portworxVolume }, path) => validateSharedSource('portworxVolume', portworxVolume, path),
  azureDisk: ({ azureDisk }, path) => validateSharedSource('azureDisk', azureDisk, path),
  scaleIO: ({ scaleIO }, path) => requireAll(scaleIO!, path, 'gateway', 'system', 'volumeName'),
  local: ({ local }, path) => validateLocal(local!, path),
  storageos: ({ storageos }, path) => [
    ...requireAll(storageos!, path, 'volumeName'),
    ...((storageos!.volumeName ?? '') === ''
      ? []
      : validateDNS1123Label(storageos!.volumeName!, child(path, 'volumeName'))),
  ],
  csi: ({ csi }, path) => validateCSI(csi!, path),
};

const NAMES = Object.keys(SOURCES) as Source[];

export function validateSource(spec: PersistentVolumeSpec, path: string): FieldError[] {
  const [first, ...others] = NAMES.filter((source) => spec[source] !== undefined);
  if (first === undefined) return [required(path, 'must specify a volume type')];
  return [
    ...SOURCES[first](spec, child(path, first)),
    ...others.map((source) => forbiddenField(child(path, source), 'may not specify more than 1 volume type')),
  ];
}

/** The source alone, to compare. */
export const sourceOf = (spec: PersistentVolumeSpec): Partial<PersistentVolumeSpec> =>
  Object.fromEntries(NAMES.map((source) => [source, spec[source]]));
