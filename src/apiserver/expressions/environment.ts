/** What expressions of admission may speak of. Source: apiserver pkg/admission/plugin/cel/{compile,composition}.go v1.36. */
import {
  AUTHORIZER,
  BOOL,
  type Declarations,
  DYN,
  INT,
  listType,
  mapType,
  patchFunctions,
  patchStructs,
  RESOURCE_CHECK,
  STRING,
  type StructFields,
  structType,
  TIMESTAMP,
  type Type,
} from '#cel';

const TEXTS = listType(STRING);
const TEXT_MAP = mapType(STRING, STRING);
const texts = (...names: readonly string[]): Record<string, Type> =>
  Object.fromEntries(names.map((name) => [name, STRING]));

const REQUEST = structType('kubernetes.AdmissionRequest');
const KIND = structType('kubernetes.GroupVersionKind');
const RESOURCE = structType('kubernetes.GroupVersionResource');
const USER = structType('kubernetes.UserInfo');
const NAMESPACE = structType('kubernetes.Namespace');
const NAMESPACE_METADATA = structType('kubernetes.NamespaceMetadata');
const NAMESPACE_SPEC = structType('kubernetes.NamespaceSpec');
const NAMESPACE_STATUS = structType('kubernetes.NamespaceStatus');
const NAMESPACE_CONDITION = structType('kubernetes.NamespaceCondition');
const VARIABLES = structType('kubernetes.variables');

const STRUCTS: ReadonlyMap<string, StructFields> = new Map(
  (
    [
      [KIND, texts('group', 'version', 'kind')],
      [RESOURCE, texts('group', 'version', 'resource')],
      [USER, { ...texts('username', 'uid'), groups: TEXTS, extra: mapType(STRING, TEXTS) }],
      [
        REQUEST,
        {
          ...texts('subResource', 'requestSubResource', 'name', 'namespace', 'operation'),
          kind: KIND,
          resource: RESOURCE,
          requestKind: KIND,
          requestResource: RESOURCE,
          userInfo: USER,
          dryRun: BOOL,
          options: DYN,
        },
      ],
      [NAMESPACE, { metadata: NAMESPACE_METADATA, spec: NAMESPACE_SPEC, status: NAMESPACE_STATUS }],
      [
        NAMESPACE_METADATA,
        {
          ...texts('name', 'generateName', 'namespace', 'UID', 'resourceVersion'),
          labels: TEXT_MAP,
          annotations: TEXT_MAP,
          creationTimestamp: TIMESTAMP,
          deletionTimestamp: TIMESTAMP,
          deletionGracePeriodSeconds: INT,
          generation: INT,
          finalizers: TEXTS,
        },
      ],
      [NAMESPACE_SPEC, { finalizers: TEXTS }],
      [NAMESPACE_STATUS, { conditions: listType(NAMESPACE_CONDITION), phase: STRING }],
      [NAMESPACE_CONDITION, { ...texts('status', 'type', 'message', 'reason'), lastTransitionTime: TIMESTAMP }],
    ] as const
  ).map(([{ name }, fields]) => [name, { fields: new Map<string, Type>(Object.entries(fields)) }]),
);

export interface AdmissionEnvironment {
  readonly params: boolean;
  readonly authorizer: boolean;
  /** Types and functions of expressions that make patches. */
  readonly patches?: boolean;
  /** Types of the policy's own variables that are known so far; absent: it has none. More may be added. */
  readonly own?: ReadonlyMap<string, Type> | undefined;
}

export function declarationsOf({ params, authorizer, patches = false, own }: AdmissionEnvironment): Declarations {
  const variables = new Map<string, Type>([
    ['object', DYN],
    ['oldObject', DYN],
    ['namespaceObject', NAMESPACE],
    ['request', REQUEST],
  ]);
  if (params) variables.set('params', DYN);
  if (authorizer) {
    variables.set('authorizer', AUTHORIZER);
    variables.set('authorizer.requestResource', RESOURCE_CHECK);
  }
  if (own !== undefined) variables.set('variables', VARIABLES);
  const get = (name: string): StructFields | undefined => {
    if (own !== undefined && name === VARIABLES.name) return { fields: own };
    return STRUCTS.get(name) ?? (patches ? patchStructs.get(name) : undefined);
  };
  return {
    variables,
    structs: { get, has: (name) => get(name) !== undefined },
    ...(patches ? { functions: patchFunctions } : {}),
  };
}

const KEPT: ReadonlySet<Type['kind']> = new Set([
  'any',
  'bool',
  'bytes',
  'double',
  'duration',
  'int',
  'null',
  'string',
  'timestamp',
  'uint',
]);

/** The type a variable has for those who read it: what is neither simple nor a list or map of such may be anything. Source: convertCelTypeToDeclType. */
export function variableType(type: Type): Type {
  if (KEPT.has(type.kind)) return type;
  const [first, second] = type.params;
  if (type.kind === 'list') return listType(variableType(first!));
  return type.kind === 'map' ? mapType(variableType(first!), variableType(second!)) : DYN;
}
