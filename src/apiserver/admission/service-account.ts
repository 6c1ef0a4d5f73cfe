import {
  type Container,
  forbidden,
  generateName,
  type Pod,
  type PodSpec,
  type ServiceAccount,
  type Volume,
} from '#api';
import type { Clock } from '#util';
import type { Resource } from '../registry/resource.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './admission.ts';

/** Source of all names, paths and texts here: plugin/pkg/admission/serviceaccount/admission.go v1.36. */
const DEFAULT_NAME = 'default';
const MIRROR = 'kubernetes.io/config.mirror';
const ENFORCE = 'kubernetes.io/enforce-mountable-secrets';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME = 'kube-api-access-';
/** A token for this long is understood to be this plugin's, and counts for longer. Source: WarnOnlyBoundTokenExpirationSeconds. */
const TOKEN_SECONDS = 3607;

/** A namespace made a moment ago gets its account `default` from a controller. Source: ten attempts, 100 to 200 ms apart. */
const PATIENCE_MS = 1350;

const isPod = ({ kind }: AdmissionAttributes): boolean => kind.plural === 'pods' && kind.group === '';
const isMirror = ({ metadata }: Pod): boolean => metadata.annotations?.[MIRROR] !== undefined;

/**
 * Pods run as a service account that exists, `default` if they name none, with its pull secrets and, unless account or pod say otherwise, with its token,
 * the cluster's certificate and their namespace mounted in every container. `random` in [0,1).
 */
export function serviceAccount(
  accounts: Resource,
  { random, clock }: { readonly random: () => number; readonly clock: Clock },
): AdmissionPlugin {
  const find = (attributes: AdmissionAttributes, name: string): ServiceAccount => {
    const { kind, namespace } = attributes;
    const account: ServiceAccount | undefined = accounts.get(namespace, name)?.object;
    if (account !== undefined) return account;
    const why = `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`;
    throw forbidden(kind, attributes.name, why);
  };
  const check = (attributes: AdmissionAttributes): void => {
    const { operation, subresource, object, kind, name, namespace } = attributes;
    if (!isPod(attributes) || object === undefined) return;
    const pod = object as Pod;
    const refuse = (why: string | undefined): void => {
      if (why !== undefined) throw forbidden(kind, name, why);
    };
    const isEphemeral = operation === 'UPDATE' && subresource === 'ephemeralcontainers';
    if (!isEphemeral && (operation !== 'CREATE' || subresource !== '')) return;
    if (isMirror(pod)) {
      if (!isEphemeral) refuse(wrongWithMirror(pod));
      return;
    }
    const account = pod.spec.serviceAccountName ?? '';
    if (account === '') refuse(`no service account specified for pod ${namespace}/${name}`);
    const found = find(attributes, account);
    if (!enforces(found)) return;
    refuse(isEphemeral ? wrongEphemeral(found, pod) : wrongSecret(found, pod));
  };
  return {
    name: 'ServiceAccount',
    async admit(attributes) {
      const { operation, subresource, object, namespace } = attributes;
      if (!isPod(attributes) || operation !== 'CREATE' || subresource !== '') return;
      const pod = object as Pod;
      // A mirror pod stands for something that runs already, and is left as it is.
      if (!isMirror(pod)) {
        const { spec } = pod;
        if ((spec.serviceAccountName ?? '') === '') spec.serviceAccountName = DEFAULT_NAME;
        spec.serviceAccount = spec.serviceAccountName;
        if (spec.serviceAccountName === DEFAULT_NAME) await untilThere(accounts, namespace, clock);
        const account = find(attributes, spec.serviceAccountName!);
        if (automounts(account, pod)) mountToken(pod, random);
        const { imagePullSecrets = [] } = account;
        if ((spec.imagePullSecrets ?? []).length === 0 && imagePullSecrets.length > 0)
          spec.imagePullSecrets = structuredClone(imagePullSecrets);
      }
      // What is refused is refused before it is validated, as upstream does.
      check(attributes);
    },
    validate: check,
  };
}

async function untilThere(accounts: Resource, namespace: string, clock: Clock): Promise<void> {
  const isThere = (): boolean => accounts.get(namespace, DEFAULT_NAME) !== undefined;
  if (isThere()) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  using waiting = new DisposableStack();
  waiting.use(
    accounts.cache.watch({
      prefix: accounts.key(namespace, DEFAULT_NAME),
      onFrames() {
        if (isThere()) resolve();
      },
      onEnd: () => resolve(),
    }),
  );
  waiting.use(clock.after(PATIENCE_MS, resolve));
  await promise;
}

const automounts = (account: ServiceAccount, { spec }: Pod): boolean =>
  spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;

/** A pod that is not validated yet: names and containers may be missing. */
interface UncheckedPod {
  readonly spec: Partial<PodSpec>;
}

function mountToken({ spec }: UncheckedPod, random: () => number): void {
  const { initContainers = [], containers = [], volumes = [] } = spec;
  const known = volumes.find(({ name }: Partial<Volume>) => name?.startsWith(VOLUME));
  const name = known?.name ?? generateName(VOLUME, random);
  let needed = false;
  for (const container of [...initContainers, ...containers]) {
    // Whoever mounts something there himself does not want it.
    if (container.volumeMounts?.some(({ mountPath }) => mountPath === MOUNT_PATH) === true) continue;
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }];
    needed = true;
  }
  if (needed && known === undefined) spec.volumes = [...volumes, tokenVolume(name)];
}

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  },
});

function wrongWithMirror(pod: Pod): string | undefined {
  const { serviceAccountName = '', volumes = [] } = pod.spec;
  if (serviceAccountName !== '') return 'a mirror pod may not reference service accounts';
  if (refersToSecrets(pod)) return 'a mirror pod may not reference secrets';
  const usesToken = volumes.some(({ projected }) =>
    projected?.sources?.some((source) => source.serviceAccountToken !== undefined),
  );
  return usesToken ? 'a mirror pod may not use ServiceAccountToken volume projections' : undefined;
}

/** Source: VisitPodSecretNames in pkg/api/pod/util.go v1.36, for the volumes there are. */
function refersToSecrets({ spec }: UncheckedPod): boolean {
  const { imagePullSecrets = [], initContainers = [], containers = [], ephemeralContainers = [], volumes = [] } = spec;
  if (imagePullSecrets.length > 0) return true;
  const all: readonly Pick<Container, 'env' | 'envFrom'>[] = [...initContainers, ...containers, ...ephemeralContainers];
  return (
    all.some(
      ({ env = [], envFrom = [] }) =>
        env.some(({ valueFrom }) => valueFrom?.secretKeyRef !== undefined) ||
        envFrom.some(({ secretRef }) => secretRef !== undefined),
    ) ||
    volumes.some(
      ({ secret, projected, csi }) =>
        secret !== undefined ||
        csi?.nodePublishSecretRef !== undefined ||
        projected?.sources?.some((source) => source.secret !== undefined) === true,
    )
  );
}

/** As Go's ParseBool reads it. */
const enforces = ({ metadata }: ServiceAccount): boolean =>
  ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(metadata.annotations?.[ENFORCE] ?? '');

const namesOf = (references: readonly { readonly name?: string | undefined }[] = []): ReadonlySet<string> =>
  new Set(references.map(({ name = '' }) => name));

/** What of the pod refers to a secret that the account does not. */
function wrongSecret(account: ServiceAccount, { spec }: Pod): string | undefined {
  const mountable = namesOf(account.secrets);
  const { volumes = [], initContainers = [], containers, imagePullSecrets = [] } = spec;
  const tail = `is not allowed because service account ${account.metadata.name} does not reference that`;
  for (const { secret } of volumes)
    if (secret !== undefined && !mountable.has(secret.secretName ?? ''))
      return `volume with secret.secretName="${secret.secretName}" ${tail} secret`;
  const wrong =
    wrongVariable('init container', initContainers, account) ?? wrongVariable('container', containers, account);
  if (wrong !== undefined) return wrong;
  const pullable = namesOf(account.imagePullSecrets);
  const at = imagePullSecrets.findIndex(({ name = '' }) => !pullable.has(name));
  return at < 0 ? undefined : `imagePullSecrets[${at}].name="${imagePullSecrets[at]!.name}" ${tail} imagePullSecret`;
}

const wrongEphemeral = (account: ServiceAccount, { spec }: Pod): string | undefined =>
  wrongVariable('ephemeral container', spec.ephemeralContainers ?? [], account);

function wrongVariable(
  what: string,
  containers: readonly Pick<Container, 'name' | 'env' | 'envFrom'>[],
  account: ServiceAccount,
): string | undefined {
  const mountable = namesOf(account.secrets);
  const tail = `is not allowed because service account ${account.metadata.name} does not reference that secret`;
  for (const { name, env = [], envFrom = [] } of containers) {
    for (const { name: variable, valueFrom } of env) {
      const secret = valueFrom?.secretKeyRef;
      if (secret !== undefined && !mountable.has(secret.name ?? ''))
        return `${what} ${name} with envVar ${variable} referencing secret.secretName="${secret.name}" ${tail}`;
    }
    for (const { secretRef: secret } of envFrom)
      if (secret !== undefined && !mountable.has(secret.name ?? ''))
        return `${what} ${name} with envFrom referencing secret.secretName="${secret.name}" ${tail}`;
  }
  return undefined;
}
