/** Where a persistent volume's data is. Source: ValidatePersistentVolumeSpec in pkg/apis/core/validation v1.36. */
import type { FieldError } from '../../field-error.ts';
import { child, forbiddenField, invalid, required } from '../../field-error.ts';
import type {
  CSIPersistentVolumeSource,
  LocalVolumeSource,
  PersistentVolumeSpec,
  SecretReference,
} from '../../generated/core.v1.ts';
import {
  invalidEach,
  unchecked,
  validateDNS1123Label,
  validateDNS1123Subdomain,
  validatePathNoBacksteps,
} from '../../validation/fields.ts';
import { nameIsDNSLabel } from '../../validation/names.ts';
import { validateISCSI, validateISCSILength } from '../pod/volume/iscsi.ts';
import {
  requireAll,
  validateCSIDriverName,
  validateFlexOptions,
  validateSharedSource,
  validateStorageOSNames,
} from '../pod/volume/sources.ts';

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
type Rule = (spec: PersistentVolumeSpec, path: string, name: string) => FieldError[];

/** A secret of another namespace: both names, or none. */
const secretRef = (ref: SecretReference | undefined, path: string): FieldError[] =>
  ref === undefined ? [] : requireAll(ref, path, 'name', 'namespace');

/** Drivers get their secrets by full names that can be real. Source: validatePVSecretReference. */
function driverSecretRef(ref: SecretReference | undefined, path: string): FieldError[] {
  if (ref === undefined) return [];
  const [namePath, namespacePath] = [child(path, 'name'), child(path, 'namespace')];
  const { name = '', namespace = '' } = ref;
  return [
    ...(name === '' ? [required(namePath)] : validateDNS1123Subdomain(name, namePath)),
    ...(namespace === '' ? [required(namespacePath)] : validateDNS1123Label(namespace, namespacePath)),
  ];
}

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
        'nodeExpandSecretRef',
      ] as const
    ).flatMap((field) => driverSecretRef(source[field], child(path, field))),
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
  glusterfs: ({ glusterfs }, path) => {
    const at = child(path, 'endpointsNamespace');
    const namespace = glusterfs?.endpointsNamespace;
    return [
      ...validateSharedSource('glusterfs', glusterfs, path),
      ...(namespace === ''
        ? [invalid(at, '', 'if the endpointnamespace is set, it must be a valid namespace name')]
        : namespace === undefined
          ? []
          : invalidEach(at, namespace, nameIsDNSLabel(namespace, false))),
    ];
  },
  flocker: ({ flocker }, path) => validateSharedSource('flocker', flocker, path),
  nfs: ({ nfs }, path) => validateSharedSource('nfs', nfs, path),
  rbd: ({ rbd }, path) => requireAll(rbd!, path, 'monitors', 'image'),
  quobyte: ({ quobyte }, path) => validateSharedSource('quobyte', quobyte, path),
  cephfs: ({ cephfs }, path) => requireAll(cephfs!, path, 'monitors'),
  iscsi: ({ iscsi }, path, name) =>
    validateISCSI(iscsi!, path, 'must be valid format', {
      portal: validateISCSILength(name, iscsi!, child(path, 'targetportal'), iscsi!.targetPortal ?? ''),
      secret:
        iscsi!.secretRef !== undefined && (iscsi!.secretRef.name ?? '') === ''
          ? [required(child(path, 'secretRef', 'name'))]
          : [],
    }),
  cinder: ({ cinder }, path) => [
    ...requireAll(cinder!, path, 'volumeID'),
    ...secretRef(cinder!.secretRef, child(path, 'secretRef')),
  ],
  fc: ({ fc }, path) => validateSharedSource('fc', fc, path),
  flexVolume: ({ flexVolume }, path) => [
    ...requireAll(flexVolume!, path, 'driver'),
    ...validateFlexOptions(flexVolume!.options, path),
  ],
  azureFile: ({ azureFile }, path) => [
    ...requireAll(azureFile!, path, 'secretName', 'shareName'),
    ...(azureFile!.secretNamespace === '' ? [required(child(path, 'secretNamespace'))] : []),
  ],
  vsphereVolume: ({ vsphereVolume }, path) => validateSharedSource('vsphereVolume', vsphereVolume, path),
  photonPersistentDisk: (spec, path) => validateSharedSource('photonPersistentDisk', spec.photonPersistentDisk, path),
  portworxVolume: ({ portworxVolume }, path) => validateSharedSource('portworxVolume', portworxVolume, path),
  azureDisk: ({ azureDisk }, path) => validateSharedSource('azureDisk', azureDisk, path),
  scaleIO: ({ scaleIO }, path) => requireAll(scaleIO!, path, 'gateway', 'system', 'volumeName'),
  local: ({ local, nodeAffinity }, path) => [
    ...validateLocal(local!, path),
    ...(nodeAffinity === undefined
      ? [required(path.replace(/local$/, 'nodeAffinity'), 'Local volume requires node affinity')]
      : []),
  ],
  storageos: ({ storageos }, path) => [
    ...validateStorageOSNames(storageos!, path),
    ...(storageos!.secretRef === undefined
      ? []
      : requireAll(storageos!.secretRef, child(path, 'secretRef'), 'name', 'namespace')),
  ],
  csi: ({ csi }, path) => validateCSI(csi!, path),
};

const NAMES = Object.keys(SOURCES) as Source[];

/** Paths that are spelled differently where there is one too many. */
const PATHS_OF_TOO_MANY: Partial<Record<Source, string>> = { cephfs: 'cephFS' };

/** `name` is the volume's. */
export function validateSource(spec: PersistentVolumeSpec, path: string, name: string): FieldError[] {
  const [first, ...others] = NAMES.filter((source) => spec[source] !== undefined);
  if (first === undefined) return [required(path, 'must specify a volume type')];
  return [
    ...SOURCES[first](spec, child(path, first), name),
    ...others.flatMap((source) =>
      // Upstream looks into this one whatever else there is.
      source === 'flexVolume'
        ? SOURCES[source](spec, child(path, source), name)
        : [forbiddenField(child(path, PATHS_OF_TOO_MANY[source] ?? source), 'may not specify more than 1 volume type')],
    ),
  ];
}

/** The source alone, to compare. */
export const sourceOf = (spec: PersistentVolumeSpec): Partial<PersistentVolumeSpec> =>
  Object.fromEntries(NAMES.map((source) => [source, spec[source]]));
