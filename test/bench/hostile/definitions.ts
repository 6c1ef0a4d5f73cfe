/** Definitions of custom resources that take much to check, and objects of them. */
import {
  custom,
  definition,
  DEFINITIONS,
  members,
  nested,
  post,
  times,
  type HostileCase,
  type Json,
} from './common.ts';

export const schemas = (): readonly HostileCase[] => [
  {
    name: 'a definition with 30000 patterns',
    request: definition('patterns', {
      type: 'object',
      properties: members(30_000, (i) => ({ type: 'string', pattern: `^[a-z]{1,${(i % 60) + 2}}x${i}$` })),
    }),
  },
  {
    name: 'a definition with 2000 patterns as large as they can be',
    request: definition('larges', {
      type: 'object',
      properties: members(2000, (i) => ({ type: 'string', pattern: `^((a|b|c|d){1,30}x${i}){1,30}$` })),
    }),
  },
  {
    name: 'a definition with 5000 rules',
    request: definition('rules', {
      type: 'object',
      properties: { a: { type: 'string', maxLength: 10 } },
      'x-kubernetes-validations': times(5000, (i) => ({ rule: `self.a != "${i}"` })),
    }),
  },
  {
    name: 'a definition with 5000 properties and a rule on each',
    request: definition('ruled', {
      type: 'object',
      properties: members(5000, (i) => ({
        type: 'string',
        maxLength: 10,
        'x-kubernetes-validations': [{ rule: `self != "${i}"`, message: 'no' }],
      })),
    }),
  },
  {
    name: 'a definition with 2000 nested objects that have rules on wide types',
    request: definition('wides', {
      type: 'object',
      properties: members(2000, () => ({
        type: 'object',
        properties: members(10, () => ({ type: 'string' })),
        'x-kubernetes-validations': [{ rule: 'self.p1 == self.p2' }],
      })),
    }),
  },
  {
    name: 'a definition with one rule of 60 kB',
    request: definition('longs', {
      type: 'object',
      properties: { a: { type: 'integer' } },
      'x-kubernetes-validations': [{ rule: times(3500, (i) => `self.a != ${i}`).join(' && ') }],
    }),
  },
  {
    name: 'a definition with 20000 branches',
    request: definition('branches', {
      type: 'object',
      properties: members(50, () => ({ type: 'string' })),
      anyOf: times(20_000, (i) => ({ required: [`p${i % 50}`] })),
    }),
  },
  {
    name: 'an object against 20000 branches',
    before: [
      definition('forks', {
        type: 'object',
        properties: members(50, () => ({ type: 'string' })),
        anyOf: times(20_000, (i) => ({ properties: { [`p${i % 50}`]: { enum: ['x'] } }, required: [`p${i % 50}`] })),
      }),
    ],
    request: custom(
      'forks',
      members(50, () => 'y'),
    ),
  },
  {
    name: 'a list of 2000 against 500 branches',
    before: [
      definition('lists', {
        type: 'array',
        items: { type: 'string', anyOf: times(500, (i) => ({ pattern: `^x${i}$` })) },
      }),
    ],
    request: custom(
      'lists',
      times(2000, (i) => `y${i}`),
    ),
  },
  {
    name: 'a definition nested 400 deep',
    request: definition(
      'deeps',
      nested<Json>(400, (inner) => ({ type: 'object', properties: { a: inner } }), { type: 'string' }),
    ),
  },
  {
    name: 'a definition with branches nested 14 deep, two each',
    request: definition('forests', {
      type: 'object',
      ...nested<Json>(14, (inner) => ({ anyOf: [inner, inner] }), { required: ['a'] }),
    }),
  },
  {
    name: 'an object against branches nested 14 deep, two each',
    before: [
      definition('trees', {
        type: 'object',
        properties: { a: { type: 'string' } },
        ...nested<Json>(14, (inner) => ({ anyOf: [inner, inner] }), { required: ['a'] }),
      }),
    ],
    request: custom('trees', {}),
  },
  {
    name: 'a definition with 20000 properties that have defaults',
    request: definition('defaulted', {
      type: 'object',
      default: {},
      properties: members(20_000, () => ({ type: 'string', default: 'x' })),
    }),
  },
  {
    name: 'a definition with defaults within defaults',
    request: definition(
      'inners',
      nested<Json>(100, (inner) => ({ type: 'object', default: {}, properties: { a: inner } }), {
        type: 'object',
        default: {},
        properties: members(500, () => ({ type: 'string', default: 'x' })),
      }),
    ),
  },
  {
    name: 'a definition with 60000 values of an enum',
    request: definition('enums', { type: 'string', enum: times(60_000, (i) => `v${i}`) }),
  },
  {
    name: 'a definition with 2000 versions',
    request: definition(
      'olds',
      { type: 'object' },
      {
        name: 'v1',
      },
    ),
  },
  {
    name: 'a definition with 20000 columns',
    request: definition(
      'columns',
      { type: 'object' },
      { additionalPrinterColumns: times(20_000, (i) => ({ name: `c${i}`, type: 'string', jsonPath: `.spec.a${i}` })) },
    ),
  },
  {
    name: 'a definition that is wrong 20000 times',
    request: definition('wrongs', {
      type: 'object',
      properties: members(20_000, () => ({ type: 'strang', uniqueItems: true, 'x-kubernetes-list-type': 'x' })),
    }),
  },
  {
    name: 'a definition that is wrong 200000 times',
    request: definition('errors', { type: 'object', properties: members(200_000, () => ({})) }),
  },
  {
    name: 'a definition whose 100000 errors each show all of it',
    request: definition('keys', {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': times(100_000, (i) => `k${i}`),
      items: { type: 'object', properties: {} },
    }),
  },
  {
    name: 'a definition whose errors show all of it',
    request: definition('shows', {
      type: 'object',
      properties: members(400, () => ({
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': times(30, (i) => `k${i}`),
        items: { type: 'object', properties: {} },
      })),
    }),
  },
  {
    name: 'a definition with 50000 short names',
    request: post(DEFINITIONS, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'shorts.hostile.example.com' },
      spec: {
        group: 'hostile.example.com',
        scope: 'Namespaced',
        names: { plural: 'shorts', kind: 'Shorts', shortNames: times(50_000, (i) => `s${i}`) },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    }),
  },
  {
    name: 'a definition with 1500 versions',
    request: post(DEFINITIONS, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'manies.hostile.example.com' },
      spec: {
        group: 'hostile.example.com',
        scope: 'Namespaced',
        names: { plural: 'manies', kind: 'Manies' },
        versions: times(1500, (i) => ({
          name: `v${i + 1}`,
          served: true,
          storage: i === 0,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', properties: members(10, () => ({ type: 'string' })) } },
            },
          },
        })),
      },
    }),
  },
];
