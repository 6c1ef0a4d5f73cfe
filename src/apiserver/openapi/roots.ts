/**
 * Paths that tell of the server and of its groups, each a document of its own in version 3. Source: what their handlers register in apiserver
 * pkg/endpoints/discovery and pkg/server/routes, pkg/routes/openidmetadata.go v1.36.
 */
import type { Kind } from '#api';
import { OBJECTS, type Operation, type PathItem, shortGroup } from './operations.ts';
import type { SchemaBuilder } from './schemas.ts';

const JSON_TYPE = ['application/json'];
const TEXT = { type: 'string' };
const VERSION_INFO = 'io.k8s.apimachinery.pkg.version.Info';

/** Of version.Info: whether each must be there. Source: apimachinery pkg/version/types.go v0.36. */
const VERSION_FIELDS = {
  major: true,
  minor: true,
  emulationMajor: false,
  emulationMinor: false,
  minCompatibilityMajor: false,
  minCompatibilityMinor: false,
  gitVersion: true,
  gitCommit: true,
  gitTreeState: true,
  buildDate: true,
  goVersion: true,
  compiler: true,
  platform: true,
};

type Root = (builder: SchemaBuilder) => PathItem;

function root(
  path: string,
  own: (builder: SchemaBuilder) => Partial<Operation> & Pick<Operation, 'operationId'>,
): Root {
  return (builder) => {
    const operation = { tag: '', query: [], consumes: OBJECTS, produces: OBJECTS, answer: TEXT, statuses: ['200'] };
    return { path: `/${path}/`, bare: true, operations: [{ ...operation, method: 'get', ...own(builder) }] };
  };
}

function versionInfo(builder: SchemaBuilder): object {
  const fields = Object.entries(VERSION_FIELDS);
  return builder.own(VERSION_INFO, {
    type: 'object',
    properties: Object.fromEntries(fields.map(([name]) => [name, TEXT])),
    required: fields.filter(([, required]) => required).map(([name]) => name),
  });
}

const FIXED: readonly (readonly [path: string, root: Root])[] = [
  [
    '.well-known/openid-configuration',
    root('.well-known/openid-configuration', () => ({
      operationId: 'getServiceAccountIssuerOpenIDConfiguration',
      tag: 'WellKnown',
      consumes: [],
      produces: JSON_TYPE,
    })),
  ],
  [
    'api',
    root('api', (builder) => ({
      operationId: 'getCoreAPIVersions',
      tag: 'core',
      answer: builder.ref('meta.v1.APIVersions'),
    })),
  ],
  [
    'apis',
    root('apis', (builder) => ({
      operationId: 'getAPIVersions',
      tag: 'apis',
      answer: builder.ref('meta.v1.APIGroupList'),
    })),
  ],
  [
    'openid/v1/jwks',
    root('openid/v1/jwks', () => ({
      operationId: 'getServiceAccountIssuerOpenIDKeyset',
      tag: 'openid',
      consumes: [],
      produces: ['application/jwk-set+json'],
    })),
  ],
  [
    'version',
    root('version', (builder) => ({
      operationId: 'getCodeVersion',
      tag: 'version',
      consumes: JSON_TYPE,
      produces: JSON_TYPE,
      answer: versionInfo(builder),
    })),
  ],
];

function groupRoot(group: string): Root {
  const name = shortGroup(group);
  return root(`apis/${group}`, (builder) => ({
    operationId: `get${name}APIGroup`,
    tag: `${name[0]!.toLowerCase()}${name.slice(1)}`,
    answer: builder.ref('meta.v1.APIGroup'),
  }));
}

/** By path, without slashes around it; none where nothing is built in. */
export function rootPaths(kinds: readonly Kind[]): ReadonlyMap<string, Root> {
  const groups = new Set(kinds.filter(({ custom }) => custom === undefined).map(({ group }) => group));
  if (groups.size === 0) return new Map();
  const named = [...groups].filter((group) => group !== '');
  return new Map([...FIXED, ...named.map((group) => [`apis/${group}`, groupRoot(group)] as const)]);
}
