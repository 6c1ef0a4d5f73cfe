import {
  apiVersionOf,
  decodeJson,
  decodeProtobuf,
  isProtobuf,
  type Kind,
  type KubeObject,
  typeMetaOfProtobuf,
} from '#api';
import { encodeStored } from './entry.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** A look at both ends tells what {@link encodeStored} wrote: upstream's JSON ends with a new line, and protobuf begins with `k8s`. */
export const isOwn = (value: Buffer): boolean => value[0] === OPEN && value[value.length - 1] === CLOSE;

/**
 * Reads values that another API server wrote to the same etcd, as {@link encodeStored} would have written them: upstream keeps built-in kinds as protobuf,
 * definitions and custom resources as Go writes JSON, all in the version of its time. `kinds`: those kept together, in all versions; none for custom
 * resources, which are left in theirs. Throws where it cannot. Source: pkg/server/storage/storage_codec.go and apimachinery
 * pkg/runtime/serializer/recognizer v1.36.
 */
export function readForeign(value: Buffer, kinds: readonly Kind[]): Buffer {
  return encodeStored(isProtobuf(value) ? fromProtobuf(value, kinds) : fromJson(value, kinds));
}

const POLICIES = [
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
];

/**
 * Earlier versions whose messages are the same as those of v1, down to every number: of some of these kinds upstream still stores the earlier one. Source: the
 * generated.proto files of k8s.io/api v0.36, and pkg/kubeapiserver/default_storage_factory_builder.go v1.36.
 */
const SAME_AS_V1: Readonly<Record<string, readonly string[]>> = {
  'admissionregistration.k8s.io/v1alpha1': POLICIES,
  'admissionregistration.k8s.io/v1beta1': POLICIES,
  'networking.k8s.io/v1beta1': ['IPAddress', 'ServiceCIDR'],
  'resource.k8s.io/v1beta1': ['DeviceClass'],
  'resource.k8s.io/v1beta2': ['DeviceClass', 'ResourceClaim', 'ResourceClaimTemplate', 'ResourceSlice'],
  'storage.k8s.io/v1alpha1': ['VolumeAttributesClass'],
  'storage.k8s.io/v1beta1': ['VolumeAttributesClass', 'CSIStorageCapacity'],
};

function fromProtobuf(value: Buffer, kinds: readonly Kind[]): KubeObject {
  const { apiVersion, kind } = typeMetaOfProtobuf(value);
  const own = kindOf(kinds, apiVersion, kind);
  return asStored(decodeProtobuf(value, { ...own, anyVersion: true }).object, own);
}

function fromJson(value: Buffer, kinds: readonly Kind[]): KubeObject {
  const object = JSON.parse(value.toString()) as KubeObject;
  if (kinds.length === 0) return object;
  const own = kindOf(kinds, object.apiVersion, object.kind);
  return asStored(decodeJson(value, { ...own, anyVersion: true }, { fieldValidation: 'Ignore' }).object, own);
}

/** Source: NewNotRegisteredErrForKind, apimachinery pkg/runtime/error.go v0.36. */
function kindOf(kinds: readonly Kind[], apiVersion: string, kind: string): Kind {
  const [group = ''] = apiVersion.split('/');
  const wanted = SAME_AS_V1[apiVersion]?.includes(kind) === true ? `${group}/v1` : apiVersion;
  const own = kinds.find((one) => one.kind === kind && apiVersionOf(one) === wanted);
  if (own === undefined) throw new Error(`no kind "${kind}" is registered for version "${apiVersion}"`);
  return own;
}

/** Defaults are filled in as upstream's decoder does: it may have been written before there were some of them. */
function asStored(object: KubeObject, kind: Kind): KubeObject {
  const { storedAs, defaults } = kind;
  const read = { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind };
  defaults?.(read);
  if (storedAs === undefined) return read;
  return { ...storedAs.toStored(read), apiVersion: apiVersionOf(storedAs.kind), kind: storedAs.kind.kind };
}
