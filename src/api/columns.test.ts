import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as all from './kinds.ts';
import { allKinds } from './kinds.ts';
import { lines } from './testdata/kinds.ts';
import type { Kind } from './kind.ts';

/**
 * Columns of each resource: `:type` where it is no string, `*` where only wide output shows it, `!` where its format is `name`.
 * Source: AddHandlers in pkg/printers/internalversion/printers.go v1.36.
 */
const COLUMNS: Readonly<Record<string, string>> = {
  configmaps: 'Name! | Data | Age',
  endpoints: 'Name! | Endpoints | Age',
  events: 'Last Seen | Type | Reason | Object | Subobject* | Source* | Message | First Seen* | Count* | Name*!',
  limitranges: 'Name! | Created At:date',
  namespaces: 'Name! | Status | Age',
  nodes:
    'Name! | Status | Roles | Age | Version | Internal-IP* | External-IP* | OS-Image* | Kernel-Version* | Container-Runtime*',
  persistentvolumeclaims:
    'Name! | Status | Volume | Capacity | Access Modes | StorageClass | VolumeAttributesClass | Age | VolumeMode*',
  persistentvolumes:
    'Name! | Capacity | Access Modes | Reclaim Policy | Status | Claim | StorageClass | VolumeAttributesClass | Reason | Age | VolumeMode*',
  pods: 'Name! | Ready | Status | Restarts | Age | IP* | Node* | Nominated Node* | Readiness Gates*',
  podtemplates: 'Name! | Containers | Images | Pod Labels',
  replicationcontrollers:
    'Name! | Desired:integer | Current:integer | Ready:integer | Age | Containers* | Images* | Selector*',
  resourcequotas: 'Name! | Request | Limit | Age',
  secrets: 'Name! | Type | Data | Age',
  services: 'Name! | Type | Cluster-IP | External-IP | Port(s) | Age | Selector*',
  serviceaccounts: 'Name! | Age',
  apiservices: 'Name! | Service | Available | Age',
  controllerrevisions: 'Name! | Controller | Revision | Age',
  daemonsets:
    'Name! | Desired:integer | Current:integer | Ready:integer | Up-to-date:integer | Available:integer | Node Selector | Age | Containers* | Images* | Selector*',
  deployments: 'Name! | Ready | Up-to-date | Available | Age | Containers* | Images* | Selector*',
  replicasets: 'Name! | Desired:integer | Current:integer | Ready:integer | Age | Containers* | Images* | Selector*',
  statefulsets: 'Name! | Ready | Age | Containers* | Images*',
  horizontalpodautoscalers: 'Name! | Reference | Targets | MinPods | MaxPods | Replicas | Age',
  cronjobs:
    'Name! | Schedule | Timezone | Suspend:boolean | Active:integer | Last Schedule | Age | Containers* | Images* | Selector*',
  jobs: 'Name! | Status | Completions | Duration | Age | Containers* | Images* | Selector*',
  certificatesigningrequests: 'Name! | Age | SignerName | Requestor | RequestedDuration | Condition',
  ingresses: 'Name! | Class | Hosts | Address | Ports | Age',
  ingressclasses: 'Name! | Controller | Parameters | Age',
  ipaddresses: 'Name! | ParentRef',
  networkpolicies: 'Name! | Pod-Selector | Age',
  servicecidrs: 'Name! | CIDRs | Age',
  poddisruptionbudgets: 'Name! | Min Available | Max Unavailable | Allowed Disruptions:integer | Age',
  clusterroles: 'Name! | Created At:date',
  clusterrolebindings: 'Name! | Role | Age | Users* | Groups* | ServiceAccounts*',
  roles: 'Name! | Created At:date',
  rolebindings: 'Name! | Role | Age | Users* | Groups* | ServiceAccounts*',
  csidrivers:
    'Name! | AttachRequired:boolean | PodInfoOnMount:boolean | StorageCapacity:boolean | TokenRequests | RequiresRepublish:boolean | Modes | Age',
  csinodes: 'Name! | Drivers:integer | Age',
  csistoragecapacities: 'Name! | StorageClassName | Capacity',
  storageclasses: 'Name! | Provisioner | ReclaimPolicy | VolumeBindingMode | AllowVolumeExpansion | Age',
  volumeattachments: 'Name! | Attacher! | PV | Node | Attached:boolean | Age',
  volumeattributesclasses: 'Name! | DriverName | Age',
  mutatingadmissionpolicies: 'Name! | Mutations:integer | ParamKind | Age',
  mutatingadmissionpolicybindings: 'Name! | PolicyName | ParamRef | Age',
  mutatingwebhookconfigurations: 'Name! | Webhooks:integer | Age',
  validatingadmissionpolicies: 'Name! | Validations:integer | ParamKind | Age',
  validatingadmissionpolicybindings: 'Name! | PolicyName | ParamRef | Age',
  validatingwebhookconfigurations: 'Name! | Webhooks:integer | Age',
  customresourcedefinitions: 'Name! | Created At:date',
  priorityclasses: 'Name! | Value:integer | Global-Default:boolean | Age | PreemptionPolicy',
  leases: 'Name! | Holder | Age',
  runtimeclasses: 'Name! | Handler | Age',
  endpointslices: 'Name! | AddressType | Ports | Endpoints | Age',
  flowschemas: 'Name! | PriorityLevel | MatchingPrecedence | DistinguisherMethod | Age | MissingPL',
  prioritylevelconfigurations: 'Name! | Type | NominalConcurrencyShares | Queues | HandSize | QueueLengthLimit | Age',
  deviceclasses: 'Name! | Age',
  resourceclaims: 'Name! | State | Age',
  resourceclaimtemplates: 'Name! | Age',
  resourceslices: 'Name! | Node | Driver | Pool | Age',
};

test('every resource has the columns of upstream', () => {
  const actual = allKinds.map(({ plural, columns }) => [
    plural,
    columns
      .map(
        ({ name, type, priority = 0, format }) =>
          `${name}${type === 'string' ? '' : `:${type}`}${priority > 0 ? '*' : ''}${format === undefined ? '' : '!'}`,
      )
      .join(' | '),
  ]);
  for (const [plural = '', columns] of actual) assert.equal(columns, COLUMNS[plural], plural);
});

const selector = {
  matchLabels: { b: '2', a: '1' },
  matchExpressions: [{ key: 'x', operator: 'In', values: ['y', 'z'] }],
};
const metric = (target: object): object => ({ type: 'External', external: { metric: { name: 'q' }, target } });
const reporting = { external: { metric: { name: 'q' }, current: {} } };

/** Cells where upstream's printers are particular. */
const CELLS: readonly (readonly [what: string, kind: unknown, object: object, cells: string])[] = [
  [
    'a binding’s selector is printed as Go does',
    all.ValidatingAdmissionPolicyBinding,
    { spec: { policyName: 'p', paramRef: { selector } } },
    'web  p  &LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:x,Operator:In,Values:[y z],},},}  5m',
  ],
  [
    'a default class of attributes has no mark',
    all.VolumeAttributesClass,
    {
      driverName: 'd',
      metadata: { annotations: { 'volumeattributesclass.alpha.kubernetes.io/is-default-class': 'true' } },
    },
    'web  d  5m',
  ],
  [
    'an address has an age no column is for',
    all.IPAddress,
    { spec: { parentRef: { resource: 'services', namespace: 'n', name: 's' } } },
    'web  services/n/s  5m',
  ],
  [
    'three times the same host are no more than three',
    all.Ingress,
    { spec: { rules: [{ host: 'a' }, { host: 'a' }, { host: 'a' }] } },
    'web  <none>  a,a,a    80  5m',
  ],
  [
    'rules without a host count',
    all.Ingress,
    { spec: { rules: [{ host: 'a' }, {}, { host: 'b' }, { host: 'c' }, {}] } },
    'web  <none>  a,b,c + 2 more...    80  5m',
  ],
  [
    'a metric without its value',
    all.HorizontalPodAutoscaler,
    {
      spec: {
        scaleTargetRef: { kind: 'D', name: 'd' },
        maxReplicas: 3,
        metrics: [metric({ type: 'Value', value: '5' }), metric({ type: 'AverageValue', averageValue: '6' })],
      },
      status: { currentMetrics: [reporting, reporting] },
    },
    'web  D/d  <nil>/5, <unknown>/6 (avg)  1  3  0  5m',
  ],
  [
    'a series of events that says nothing of its count',
    all.Event,
    { involvedObject: {}, series: { lastObservedTime: '2026-01-01T00:59:00Z' }, count: 4 },
    '60s              <unknown>  0  web',
  ],
  [
    'the last condition of a node counts, and its architecture is shown',
    all.Node,
    {
      status: {
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'Ready', status: 'Unknown' },
        ],
        nodeInfo: { architecture: 'arm64' },
      },
    },
    'web  NotReady  <none>  5m    <none>  <none>  <unknown>  <unknown> (arm64)  <unknown>',
  ],
];

for (const [what, kind, object, cells] of CELLS) {
  test(`kubectl get: ${what}`, () => assert.equal(lines(kind as Kind, object)[1], cells));
}
