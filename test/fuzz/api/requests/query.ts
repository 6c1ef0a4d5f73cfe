/** Parameters of requests, each with values from right to absurd. */
import type { Random } from '../random.ts';
import { mutateText } from '../mutate/bytes.ts';
import { CONTINUE, RESOURCE_VERSION } from '../server/live.ts';

const continueToken = (fields: object | string): string =>
  Buffer.from(typeof fields === 'string' ? fields : JSON.stringify(fields)).toString('base64url');
const V1 = 'meta.k8s.io/v1';

const QUERY: Readonly<Record<string, readonly string[]>> = {
  limit: ['0', '1', '2', '500', '-1', '9223372036854775807', '9223372036854775808', 'x', '1.5', ''],
  continue: [
    CONTINUE,
    CONTINUE,
    CONTINUE,
    'x',
    '=',
    continueToken('{}'),
    continueToken('null'),
    continueToken('[1]'),
    continueToken({ v: V1, rv: 1, start: 'a' }),
    continueToken({ v: V1, rv: -1, start: 'a\0' }),
    continueToken({ v: V1, rv: 0, start: '' }),
    continueToken({ v: V1, rv: 2 ** 53, start: 'default/web\0' }),
    continueToken({ v: V1, rv: 1e300, start: '../../secrets/default/x' }),
    continueToken({ v: V1, rv: '1', start: { a: 1 } }),
    continueToken({ v: 'meta.k8s.io/v9', rv: 1, start: 'a' }),
    continueToken(`{"v":"${V1}","rv":1,"start":"\\ud800"}`),
  ],
  labelSelector: [
    'a=b',
    'app=web',
    'app in (web,x),!y',
    'a in (',
    '!',
    'a,b',
    '==',
    'a!=b,c notin (d,e)',
    'x'.repeat(1000),
    'a>1',
    'a<9223372036854775808',
    'a in ()',
    'a = , b',
    '__proto__=x',
    'constructor',
    '\ud800=é',
    Array.from({ length: 300 }, (_, i) => `k${i}!=v`).join(','),
    `a in (${Array.from({ length: 500 }, (_, i) => `v${i}`).join(',')})`,
  ],
  fieldSelector: [
    'metadata.name=a',
    'metadata.name=web,metadata.namespace=default',
    'metadata.name!=',
    'spec.nodeName=',
    'spec.mode=a',
    'status.phase!=Running,spec.nodeName=web',
    'type=Opaque',
    '=',
    '=,=',
    'x=y',
    'metadata.namespace=default',
    'a\\=b=c\\',
    'metadata.name==a==b',
    '__proto__=x',
  ],
  resourceVersion: [
    RESOURCE_VERSION,
    RESOURCE_VERSION,
    '0',
    '1',
    '3',
    '-1',
    'x',
    '',
    '007',
    '999999999',
    '1e3',
    '9223372036854775807',
    '18446744073709551615',
    '18446744073709551616',
    ' 1',
  ],
  resourceVersionMatch: ['Exact', 'NotOlderThan', 'x', ''],
  watch: ['1', 'true', '0', 'x', ''],
  allowWatchBookmarks: ['1', '0', 'x'],
  sendInitialEvents: ['1', '0', '', 'true', 'x'],
  timeoutSeconds: ['1', '0', '-5', 'x', '9223372036854775807', '99999999999999999999', '0.5'],
  timeout: ['1s', '32s', 'x', '-1s', '9999999h', '1ns', '0'],
  dryRun: ['All', 'All', 'All', 'x', '', 'all'],
  force: ['true', '1', 'x', ''],
  fieldManager: ['me', 'kubectl', 'x'.repeat(128), 'x'.repeat(200), '\u0001', 'é', '__proto__', ''],
  fieldValidation: ['Ignore', 'Warn', 'Strict', 'x', ''],
  propagationPolicy: ['Foreground', 'Orphan', 'Background', 'x'],
  gracePeriodSeconds: ['0', '5', '-1', 'x', '9223372036854775807'],
  orphanDependents: ['true', 'false', 'x'],
  ignoreStoreReadErrorWithClusterBreakingPotential: ['true'],
  pretty: ['1', 'false', 'x'],
  includeObject: ['None', 'Object', 'Metadata', 'x'],
  container: ['main', 'x', ''],
  tailLines: ['1', '-1', '9223372036854775808'],
  sinceTime: ['2026-01-01T00:00:00Z', 'x'],
  follow: ['1'],
  command: ['a', ''],
  ports: ['80', '-1', '70000', '80,81'],
  stdin: ['1'],
  hash: ['x'],
  path: ['/x', '..', '%00'],
  __proto__x: ['y'],
};
const NAMES = Object.keys(QUERY);

/** Parameters that mean something together, so that they are not always refused apart. */
const TOGETHER: readonly (readonly (readonly [string, string])[])[] = [
  [
    ['watch', '1'],
    ['sendInitialEvents', 'true'],
    ['resourceVersionMatch', 'NotOlderThan'],
    ['allowWatchBookmarks', 'true'],
  ],
  [
    ['watch', '1'],
    ['resourceVersion', RESOURCE_VERSION],
    ['timeoutSeconds', '1'],
  ],
  [['limit', '1']],
  [
    ['limit', '1'],
    ['continue', CONTINUE],
  ],
  [
    ['limit', '2'],
    ['resourceVersion', RESOURCE_VERSION],
    ['resourceVersionMatch', 'Exact'],
  ],
  [
    ['fieldManager', 'me'],
    ['force', 'true'],
  ],
  [
    ['watch', '1'],
    ['labelSelector', 'app=web'],
    ['fieldSelector', 'metadata.name=web'],
  ],
];

function valueOf(name: string, random: Random): string {
  const value = random.pick(QUERY[name]!);
  return random.chance(0.05) ? mutateText(value, random) : value;
}

/** With its question mark; '' for none. */
export function queryOf(random: Random): string {
  const pairs: (readonly [string, string])[] = random.chance(0.12) ? [...random.pick(TOGETHER)] : [];
  while (random.chance(0.4)) {
    const name = random.pick(NAMES);
    pairs.push([name, valueOf(name, random)]);
  }
  if (pairs.length === 0) return '';
  const text = pairs.map(([name, value]) => `${name}=${random.chance(0.97) ? escaped(value) : value}`).join('&');
  return `?${random.chance(0.01) ? mutateText(text, random) : text}`;
}

/** Halves of characters stay as they are: encodeURIComponent would not have them. */
const escaped = (value: string): string =>
  value.isWellFormed() ? encodeURIComponent(value) : encodeURIComponent(value.toWellFormed());
