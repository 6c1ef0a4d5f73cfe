/**
 * What discovery of a default v1.36 tells of the stable versions, in the order clients are told. Source: api/discovery and the ShortNames, Categories and
 * storage maps of pkg/registry, kubernetes v1.36.
 *
 * A line: resource, kind, `n` for namespaced, then what is not the rule: `-verbs`: has only these; `short=`, `cat=`, `singular=`, `stored=` kind as the store has it.
 * A line that begins with `/` is a subresource of the one above: name, verbs, and the kind if it is another, with its version if that is another.
 */
const TEXT = `
v1
  bindings Binding n -create
  componentstatuses ComponentStatus -get,list short=cs
  configmaps ConfigMap n short=cm
  endpoints Endpoints n short=ep singular=endpoints
  events Event n short=ev
  limitranges LimitRange n short=limits
  namespaces Namespace -create,delete,get,list,patch,update,watch short=ns
    /finalize update
    /status
  nodes Node short=no
    /proxy create,delete,get,patch,update NodeProxyOptions
    /status
  persistentvolumeclaims PersistentVolumeClaim n short=pvc
    /status
  persistentvolumes PersistentVolume short=pv
    /status
  pods Pod n short=po cat=all
    /attach create,get PodAttachOptions
    /binding create Binding
    /ephemeralcontainers
    /eviction create policy/v1/Eviction
    /exec create,get PodExecOptions
    /log get
    /portforward create,get PodPortForwardOptions
    /proxy create,delete,get,patch,update PodProxyOptions
    /resize
    /status
  podtemplates PodTemplate n
  replicationcontrollers ReplicationController n short=rc cat=all
    /scale get,patch,update autoscaling/v1/Scale
    /status
  resourcequotas ResourceQuota n short=quota
    /status
  secrets Secret n
  serviceaccounts ServiceAccount n short=sa
    /token create authentication.k8s.io/v1/TokenRequest
  services Service n short=svc cat=all
    /proxy create,delete,get,patch,update ServiceProxyOptions
    /status
apiregistration.k8s.io/v1
  apiservices APIService cat=api-extensions
    /status
apps/v1
  controllerrevisions ControllerRevision n
  daemonsets DaemonSet n short=ds cat=all
    /status
  deployments Deployment n short=deploy cat=all
    /scale get,patch,update autoscaling/v1/Scale
    /status
  replicasets ReplicaSet n short=rs cat=all
    /scale get,patch,update autoscaling/v1/Scale
    /status
  statefulsets StatefulSet n short=sts cat=all
    /scale get,patch,update autoscaling/v1/Scale
    /status
events.k8s.io/v1
  events Event n short=ev stored=/v1/Event
authentication.k8s.io/v1
  selfsubjectreviews SelfSubjectReview -create
  tokenreviews TokenReview -create
authorization.k8s.io/v1
  localsubjectaccessreviews LocalSubjectAccessReview n -create
  selfsubjectaccessreviews SelfSubjectAccessReview -create
  selfsubjectrulesreviews SelfSubjectRulesReview -create
  subjectaccessreviews SubjectAccessReview -create
autoscaling/v2
  horizontalpodautoscalers HorizontalPodAutoscaler n short=hpa cat=all
    /status
autoscaling/v1
  horizontalpodautoscalers HorizontalPodAutoscaler n short=hpa cat=all stored=autoscaling/v2/HorizontalPodAutoscaler
    /status
batch/v1
  cronjobs CronJob n short=cj cat=all
    /status
  jobs Job n cat=all
    /status
certificates.k8s.io/v1
  certificatesigningrequests CertificateSigningRequest short=csr
    /approval
    /status
networking.k8s.io/v1
  ingressclasses IngressClass
  ingresses Ingress n short=ing
    /status
  ipaddresses IPAddress short=ip
  networkpolicies NetworkPolicy n short=netpol
  servicecidrs ServiceCIDR
    /status
policy/v1
  poddisruptionbudgets PodDisruptionBudget n short=pdb
    /status
rbac.authorization.k8s.io/v1
  clusterrolebindings ClusterRoleBinding
  clusterroles ClusterRole
  rolebindings RoleBinding n
  roles Role n
storage.k8s.io/v1
  csidrivers CSIDriver
  csinodes CSINode
  csistoragecapacities CSIStorageCapacity n
  storageclasses StorageClass short=sc
  volumeattachments VolumeAttachment
    /status
  volumeattributesclasses VolumeAttributesClass short=vac
admissionregistration.k8s.io/v1
  mutatingadmissionpolicies MutatingAdmissionPolicy cat=api-extensions
  mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding cat=api-extensions
  mutatingwebhookconfigurations MutatingWebhookConfiguration cat=api-extensions
  validatingadmissionpolicies ValidatingAdmissionPolicy cat=api-extensions
    /status
  validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding cat=api-extensions
  validatingwebhookconfigurations ValidatingWebhookConfiguration cat=api-extensions
apiextensions.k8s.io/v1
  customresourcedefinitions CustomResourceDefinition short=crd,crds cat=api-extensions
    /status
scheduling.k8s.io/v1
  priorityclasses PriorityClass short=pc
coordination.k8s.io/v1
  leases Lease n
node.k8s.io/v1
  runtimeclasses RuntimeClass
discovery.k8s.io/v1
  endpointslices EndpointSlice n
flowcontrol.apiserver.k8s.io/v1
  flowschemas FlowSchema
    /status
  prioritylevelconfigurations PriorityLevelConfiguration
    /status
resource.k8s.io/v1
  deviceclasses DeviceClass
  resourceclaims ResourceClaim n
    /status
  resourceclaimtemplates ResourceClaimTemplate n
  resourceslices ResourceSlice
`;

export interface SurfaceResource {
  readonly groupVersion: string;
  /** `pods`, `pods/log`. */
  readonly name: string;
  readonly kind: string;
  /** Of the kind, where it is not the resource's own. */
  readonly kindVersion?: { readonly group: string; readonly version: string };
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly singularName: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** `group/version/kind` it is stored as; absent for what never is. */
  readonly stored?: string;
}

const ALL = 'create,delete,deletecollection,get,list,patch,update,watch';
const PART = 'get,patch,update';

/** By group and version, in order. */
export const SURFACE: readonly SurfaceResource[] = parse(TEXT);

function parse(text: string): SurfaceResource[] {
  const found: SurfaceResource[] = [];
  let groupVersion = '';
  let parent: SurfaceResource | undefined;
  for (const line of text.split('\n').filter((l) => l !== '')) {
    const words = line.trim().split(' ');
    if (!line.startsWith(' ')) groupVersion = line;
    else if (words[0]!.startsWith('/')) found.push(subresource(parent!, words));
    else found.push((parent = resource(groupVersion, words)));
  }
  return found;
}

function resource(groupVersion: string, [name = '', kind = '', ...rest]: readonly string[]): SurfaceResource {
  const options = new Map(rest.flatMap((word) => (word.includes('=') ? [word.split('=') as [string, string]] : [])));
  const verbs = rest.find((word) => word.startsWith('-'))?.slice(1) ?? ALL;
  const list = (option: string): readonly string[] | undefined => options.get(option)?.split(',');
  const [shortNames, categories] = [list('short'), list('cat')];
  const stored = options.get('stored') ?? `${groupVersion.includes('/') ? '' : '/'}${groupVersion}/${kind}`;
  return {
    groupVersion,
    name,
    kind,
    namespaced: rest.includes('n'),
    verbs: verbs.split(','),
    singularName: options.get('singular') ?? kind.toLowerCase(),
    ...(shortNames === undefined ? {} : { shortNames }),
    ...(categories === undefined ? {} : { categories }),
    ...(verbs.includes('update') ? { stored } : {}),
  };
}

function subresource(parent: SurfaceResource, [name = '', verbs = PART, kind]: readonly string[]): SurfaceResource {
  const parts = (kind ?? parent.kind).split('/');
  return {
    groupVersion: parent.groupVersion,
    name: parent.name + name,
    kind: parts.at(-1)!,
    ...(parts.length === 3 ? { kindVersion: { group: parts[0]!, version: parts[1]! } } : {}),
    namespaced: parent.namespaced,
    verbs: verbs.split(','),
    singularName: '',
  };
}
