/** Objects and patches that take much to check and to merge. */
import {
  APPLY,
  collection,
  configMap,
  custom,
  definition,
  MERGE,
  members,
  NAMESPACE,
  nested,
  objectOf,
  post,
  send,
  times,
  type HostileCase,
  type Json,
} from './common.ts';

const bigList = {
  type: 'array',
  maxItems: 1000,
  items: { type: 'string', maxLength: 10 },
};
export const expressions = (): readonly HostileCase[] => [
  objectOf(
    'rules that use all of the budget of a request',
    'budgets',
    {
      type: 'object',
      properties: { list: bigList },
      'x-kubernetes-validations': times(40, (i) => ({ rule: `self.list.all(x, x != "${i}" && self.list.size() > 0)` })),
    },
    { list: times(1000, (i) => `v${i}`) },
  ),
  objectOf(
    'a rule that is run for each of 100000 items',
    'eaches',
    {
      type: 'array',
      maxItems: 100_000,
      items: {
        type: 'string',
        maxLength: 10,
        'x-kubernetes-validations': [{ rule: 'self != "x" && self.size() < 9' }],
      },
    },
    times(100_000, (i) => `v${i}`),
  ),
  objectOf(
    'a rule with matches over a long text',
    'matches',
    {
      type: 'object',
      properties: { a: { type: 'string', maxLength: 300_000 } },
      'x-kubernetes-validations': [{ rule: 'self.a.matches("^(a|b|[c-z]{1,50})*(x+x+)+y$")' }],
    },
    { a: 'x'.repeat(300_000) },
  ),
  objectOf(
    'rules that do not hold for 20000 items',
    'breaks',
    {
      type: 'array',
      maxItems: 20_000,
      items: {
        type: 'string',
        maxLength: 10,
        'x-kubernetes-validations': [{ rule: 'self == "x"', messageExpression: '"not " + self' }],
      },
    },
    times(20_000, (i) => `v${i}`),
  ),
];

const keyedSchema = {
  type: 'object',
  properties: {
    list: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string' }, value: { type: 'integer' } },
      },
    },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    objects: {
      type: 'array',
      'x-kubernetes-list-type': 'set',
      items: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: { type: 'integer' } } },
    },
    map: { type: 'object', additionalProperties: { type: 'string' } },
  },
};
const keyed = definition('keyeds', keyedSchema);
const keyedItem = `${collection('keyeds')}/a`;
const keyedBody = (spec: Json): Json => ({
  apiVersion: 'hostile.example.com/v1',
  kind: 'Keyeds',
  metadata: { name: 'a' },
  spec,
});
const items50k = times(50_000, (i) => ({ name: `n${i}`, value: i }));

const container = { name: 'main', image: 'i' };
const pod = (spec: Json, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', ...metadata },
  spec: { containers: [container], ...spec },
});
const env = (count: number): Json[] => times(count, (i) => ({ name: `E${i}`, value: 'x' }));

export const merging = (): readonly HostileCase[] => [
  { name: 'a create with a keyed list of 50000', before: [keyed], request: custom('keyeds', { list: items50k }) },
  {
    name: 'a create with a set of 50000',
    before: [keyed],
    request: custom('keyeds', { set: times(50_000, (i) => `n${i}`) }),
  },
  {
    name: 'a create with a set of 50000 objects',
    before: [keyed],
    request: custom('keyeds', { objects: times(50_000, (i) => ({ a: i })) }),
  },
  {
    name: 'an apply with a keyed list of 50000',
    before: [keyed],
    request: send('PATCH', `${keyedItem}?fieldManager=me`, keyedBody({ list: items50k }), APPLY),
  },
  {
    name: 'an apply over a keyed list of 50000',
    before: [keyed, send('PATCH', `${keyedItem}?fieldManager=me`, keyedBody({ list: items50k }), APPLY)],
    request: send(
      'PATCH',
      `${keyedItem}?fieldManager=other`,
      keyedBody({ list: items50k.map(({ name }) => ({ name, value: 1 })).toReversed() }),
      APPLY,
    ),
  },
  {
    name: 'an apply that takes 50000 items away',
    before: [keyed, send('PATCH', `${keyedItem}?fieldManager=me`, keyedBody({ list: items50k }), APPLY)],
    request: send('PATCH', `${keyedItem}?fieldManager=me`, keyedBody({ list: [] }), APPLY),
  },
  {
    name: 'a map of 100000',
    before: [keyed],
    request: send('PATCH', `${keyedItem}?fieldManager=me`, keyedBody({ map: members(100_000, () => 'x') }), APPLY),
  },
  {
    name: 'a pod with 50000 variables',
    request: post(`${NAMESPACE}/pods`, pod({ containers: [{ ...container, env: env(50_000) }] })),
  },
  {
    name: 'a pod with 20000 containers',
    request: post(`${NAMESPACE}/pods`, pod({ containers: times(20_000, (i) => ({ name: `c${i}`, image: 'i' })) })),
  },
  {
    name: 'a pod with 20000 volumes',
    request: post(`${NAMESPACE}/pods`, pod({ volumes: times(20_000, (i) => ({ name: `v${i}`, emptyDir: {} })) })),
  },
  {
    name: 'a pod with 30000 tolerations',
    request: post(
      `${NAMESPACE}/pods`,
      pod({ tolerations: times(30_000, (i) => ({ key: `k${i}`, operator: 'Exists' })) }),
    ),
  },
  {
    name: 'a strategic merge of 50000 variables',
    before: [post(`${NAMESPACE}/pods`, pod({ containers: [{ ...container, env: env(10_000) }] }))],
    request: send(
      'PATCH',
      `${NAMESPACE}/pods/a`,
      { spec: { containers: [{ name: 'main', env: times(50_000, (i) => ({ name: `F${i}`, value: 'x' })) }] } },
      'application/strategic-merge-patch+json',
    ),
  },
  {
    name: 'a strategic merge with an order of 50000',
    before: [post(`${NAMESPACE}/pods`, pod({ containers: [{ ...container, env: env(10_000) }] }))],
    request: send(
      'PATCH',
      `${NAMESPACE}/pods/a`,
      {
        spec: {
          containers: [
            {
              name: 'main',
              '$setElementOrder/env': times(50_000, (i) => ({ name: `E${i}` })).toReversed(),
              env: env(10_000),
            },
          ],
        },
      },
      'application/strategic-merge-patch+json',
    ),
  },
  {
    name: 'a strategic merge that deletes 50000 finalizers',
    before: [post(`${NAMESPACE}/configmaps`, configMap({}, { finalizers: times(20_000, (i) => `example.com/f${i}`) }))],
    request: send(
      'PATCH',
      `${NAMESPACE}/configmaps/a`,
      { metadata: { '$deleteFromPrimitiveList/finalizers': times(50_000, (i) => `example.com/g${i}`) } },
      'application/strategic-merge-patch+json',
    ),
  },
  {
    name: 'a config map with 100000 keys',
    request: post(`${NAMESPACE}/configmaps`, configMap(members(100_000, () => 'x'))),
  },
  {
    name: 'metadata with 50000 labels',
    request: post(`${NAMESPACE}/configmaps`, configMap({}, { labels: members(50_000, () => 'x') })),
  },
  {
    name: 'metadata with 20000 owners',
    request: post(
      `${NAMESPACE}/configmaps`,
      configMap(
        {},
        { ownerReferences: times(20_000, (i) => ({ apiVersion: 'v1', kind: 'Pod', name: `n${i}`, uid: `u${i}` })) },
      ),
    ),
  },
  {
    name: 'metadata with 20000 owners that control it',
    request: post(
      `${NAMESPACE}/configmaps`,
      configMap(
        {},
        {
          ownerReferences: times(20_000, (i) => ({
            apiVersion: 'v1',
            kind: 'Pod',
            name: `n${i}`,
            uid: `u${i}`,
            controller: true,
          })),
        },
      ),
    ),
  },
  {
    name: 'a pod with 150000 variables that are wrong',
    request: post(
      `${NAMESPACE}/pods`,
      pod({ containers: [{ ...container, env: times(150_000, () => ({ name: '=' })) }] }),
    ),
  },
  {
    name: 'managed fields of 5000 managers',
    request: send(
      'PUT',
      `${NAMESPACE}/configmaps/a`,
      configMap(
        {},
        {
          managedFields: times(5000, (i) => ({
            manager: `m${i}`,
            operation: 'Apply',
            apiVersion: 'v1',
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:data': members(5, (j) => ({ [`f:x${i}${j}`]: {} })) },
          })),
        },
      ),
    ),
    before: [post(`${NAMESPACE}/configmaps`, configMap({ a: 'b' }))],
  },
  {
    name: 'managed fields with 100000 entries',
    request: send(
      'PUT',
      `${NAMESPACE}/configmaps/a`,
      configMap(
        {},
        {
          managedFields: [
            {
              manager: 'm',
              operation: 'Apply',
              apiVersion: 'v1',
              fieldsType: 'FieldsV1',
              fieldsV1: { 'f:data': Object.fromEntries(times(100_000, (i) => [`f:x${i}`, {}])) },
            },
          ],
        },
      ),
    ),
    before: [post(`${NAMESPACE}/configmaps`, configMap({ a: 'b' }))],
  },
  {
    name: 'managed fields 900 deep',
    request: send(
      'PUT',
      `${NAMESPACE}/configmaps/a`,
      configMap(
        {},
        {
          managedFields: [
            {
              manager: 'm',
              operation: 'Apply',
              apiVersion: 'v1',
              fieldsType: 'FieldsV1',
              fieldsV1: nested<Json>(900, (inner) => ({ 'f:a': inner }), {}),
            },
          ],
        },
      ),
    ),
    before: [post(`${NAMESPACE}/configmaps`, configMap({ a: 'b' }))],
  },
  {
    name: 'a merge patch of 3 MB',
    before: [post(`${NAMESPACE}/configmaps`, configMap({ a: 'b' }))],
    request: send('PATCH', `${NAMESPACE}/configmaps/a`, { data: members(100_000, () => 'x') }, MERGE),
  },
];
