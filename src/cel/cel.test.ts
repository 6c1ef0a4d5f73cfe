import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AUTHORIZER,
  AuthorizerValue,
  CelError,
  compile,
  CompileError,
  NONE,
  Optional,
  program,
  ProgramError,
  type Value,
} from './cel.ts';
import { iterate } from './values/containers.ts';
import { display } from './values/display.ts';
import { Double, Duration, List, MapValue, Timestamp, Uint } from './values/value.ts';

const NOTHING = { variables: new Map(), structs: new Map() };

/** A value in words that tell its type, for tables. */
function words(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof CelError) return `error: ${value.message}`;
  if (value instanceof Uint) return `${value.value}u`;
  if (value instanceof Double) return Number.isInteger(value.value) ? value.value.toFixed(1) : display(value);
  if (value instanceof Uint8Array) return `b${JSON.stringify(Buffer.from(value).toString('latin1'))}`;
  if (value instanceof List) return `[${[...iterate(value)].map(words).join(', ')}]`;
  if (value instanceof MapValue)
    return `{${[...value.keys()].map((k) => `${words(k)}: ${words(value.find(k)!)}`).join(', ')}}`;
  if (value === NONE) return 'none';
  if (value instanceof Optional) return `some(${words(value.value!)})`;
  if (value instanceof Duration) return `duration ${display(value)}`;
  if (value instanceof Timestamp) return `timestamp ${display(value)}`;
  return display(value);
}

/** What an expression comes to: a value, `error: …`, or `compile: …` with the first line of what is wrong. */
function outcome(text: string): string {
  try {
    return words(program(compile(text, NOTHING)).evaluate({}, { costLimit: 1_000_000 }).value);
  } catch (error) {
    if (error instanceof CompileError)
      return `compile: ${error.message.split('\n', 1)[0]!.replace('ERROR: <input>:', '')}`;
    if (error instanceof ProgramError) return `program: ${error.message}`;
    throw error;
  }
}

function table(name: string, rows: Readonly<Record<string, string>>): void {
  test(name, () => {
    const actual = Object.fromEntries(Object.keys(rows).map((text) => [text, outcome(text)]));
    assert.deepEqual(actual, rows);
  });
}

// Facts from cel-go v0.26 and cel-spec, where not said otherwise.

table('numbers are exact, of their own type, and overflow by an error', {
  '1 + 2 * 3': '7',
  '9223372036854775807 + 1': 'error: integer overflow',
  '-9223372036854775808 - 1': 'error: integer overflow',
  '4611686018427387904 * 2': 'error: integer overflow',
  '9007199254740993 + 1': '9007199254740994',
  '9007199254740993 - 9007199254740992': '1',
  '-9223372036854775808 / -1': 'error: integer overflow',
  '-9223372036854775808 % -1': 'error: integer overflow',
  '-(-9223372036854775808)': 'error: integer overflow',
  '9223372036854775808': 'compile: 1:1: invalid int literal',
  '5 / 2': '2',
  '-5 / 2': '-2',
  '-5 % 3': '-2',
  '0 * -1 == 0': 'true',
  '1 / 0': 'error: division by zero',
  '1u / 0u': 'error: division by zero',
  '1 % 0': 'error: modulus by zero',
  '2u - 3u': 'error: unsigned integer overflow',
  '18446744073709551615u + 1u': 'error: unsigned integer overflow',
  '0xffu + 1u': '256u',
  '0x10': '16',
  '1.5 + 2.5': '4.0',
  '1.0 / 0.0': '+Inf',
  '--1': '1',
  '-1.5e3': '-1500.0',
  '1 + 1.0': "compile: 1:3: found no matching overload for '_+_' applied to '(int, double)'",
});

table('values of different types can be compared when both are numbers or nobody knows', {
  '1 < 2.5': 'true',
  '1u <= 1': 'true',
  '-1 < 0u': 'true',
  '1 == 1.0': "compile: 1:3: found no matching overload for '_==_' applied to '(int, double)'",
  'dyn(1) == 1.0': 'true',
  'dyn(1u) == 1': 'true',
  "dyn(1) == 'a'": 'false',
  'dyn(null) == 1': 'false',
  'null == null': 'true',
  '[1, 2] == [1, 2]': 'true',
  '[dyn(1), dyn(2.0)] == [dyn(1.0), dyn(2)]': 'true',
  "{'a': 1} == {'a': 1}": 'true',
  "{'a': 1} != {'a': 2}": 'true',
  "double('NaN') == double('NaN')": 'false',
  "dyn(double('NaN')) < 1": 'error: NaN values cannot be ordered',
  "'a' < 'b'": 'true',
  "'\\U0001F600' > '\\uffff'": 'true',
  "b'a' < b'ab'": 'true',
  'false < true': 'true',
  "dyn(1) < 'a'": 'error: no such overload',
  'dyn([1]) < 1': 'error: no such overload: _<_',
  'dyn(true) + 1': 'error: no such overload: _+_',
  "dyn('a') + 1": 'error: no such overload',
});

table('one side of && and || can decide, whatever the other is', {
  'false && 1 / 0 == 1': 'false',
  '1 / 0 == 1 && false': 'false',
  'true && 1 / 0 == 1': 'error: division by zero',
  '1 / 0 == 1 || true': 'true',
  '1 / 0 == 1 || false': 'error: division by zero',
  'true ? 1 : 1 / 0': '1',
  '1 / 0 == 1 ? 1 : 2': 'error: division by zero',
  '[1, 2, 0].all(x, 4 / x != 4)': 'false',
  '[0, 1].exists(x, 4 / x == 4)': 'true',
  '[0].exists(x, 4 / x == 4)': 'error: division by zero',
});

table('lists and maps are indexed, selected from and searched', {
  '[1, 2, 3][1]': '2',
  '[1][3]': 'error: index out of bounds: 3',
  '[1][-1]': 'error: index out of bounds: -1',
  "{'a': 1}.a": '1',
  "{'a': 1}.b": 'error: no such key: b',
  "{'a': 1}['b']": 'error: no such key: b',
  '{1: 2}[dyn(1.0)]': '2',
  'dyn([1]).foo': "error: unsupported index type 'string' in list",
  'dyn(1).foo': 'error: no such key: foo',
  "has({'a': 1}.a)": 'true',
  "has({'a': 1}.b)": 'false',
  "has({'a': 1})": 'compile: 1:5: invalid argument to has() macro',
  '1 in [1, 2]': 'true',
  '1 in []': 'false',
  'dyn(1.0) in [1, 2]': 'true',
  "'a' in {'a': 1}": 'true',
  '[1] in [[1], [2]]': 'true',
  'size([1, 2])': '2',
  "{'a': 1, 'b': 2}.size()": '2',
  "size('\u{1f601}a')": '2',
  "size(b'\u{1f601}')": '4',
  'size(dyn(1))': 'error: no such overload: size',
  '[1, 2] + [3]': '[1, 2, 3]',
  '[[1, 2][0], 3]': '[1, 3]',
  "[1, 'a']": "compile: 1:5: expected type 'int' but found 'string'",
  "{'a': 1, 'b': 'c'}": "compile: 1:15: expected type 'int' but found 'string'",
  '[1, 2,]': '[1, 2]',
  '{}': '{}',
});

table('macros loop over lists and maps with one variable or two', {
  '[1, 2, 3].map(x, x * 2)': '[2, 4, 6]',
  '[1, 2, 3].map(x, x > 1, x * 2)': '[4, 6]',
  '[1, 2, 3].filter(x, x > 1)': '[2, 3]',
  "{'a': 1, 'b': 2}.map(k, k)": '["a", "b"]',
  '[1, 2, 2].exists_one(x, x == 2)': 'false',
  '[1, 2, 2].existsOne(x, x == 1)': 'true',
  '[].all(x, x > 0)': 'true',
  '[1, 2].all(i, v, i < v)': 'true',
  "{'a': 1}.exists(k, v, k == 'a' && v == 1)": 'true',
  '[1, 2].exists_one(i, v, i == 0)': 'true',
  '[1, 2].transformList(i, v, i + v)': '[1, 3]',
  "{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v + 1)": '{"b": 3}',
  "{'a': 'x'}.transformMapEntry(k, v, {v: k})": '{"x": "a"}',
  "{'a': 'x', 'b': 'x'}.transformMapEntry(k, v, {v: k})": 'error: insert failed: key x already exists',
  '[[1, 2], [3]].map(l, l.map(x, x + 1))': '[[2, 3], [4]]',
  '[1, 2].map(x, [x]).map(y, y + [0])': '[[1, 0], [2, 0]]',
  'dyn(1).all(x, x)': "error: got 'types.Int', expected iterable type",
  'dyn(1).all(i, x, x)': 'error: unsupported comprehension range type: types.Int',
  "[].flatten(dyn('1'))": 'error: no such overload',
  '1.all(x, x)':
    "compile: 1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
  '[1].all(1, true)': 'compile: 1:9: argument must be a simple name',
  '[1].all(x, x, true)': 'compile: 1:12: duplicate variable name: x',
  '[1].map(__result__, 1)': 'compile: 1:9: iteration variable overwrites accumulator variable',
  'cel.bind(x, 1, x)': "compile: 1:1: undeclared reference to 'cel' (in container '')",
});

table('optionals hold a value or none', {
  'optional.of(1).orValue(2)': '1',
  'optional.none().orValue(2)': '2',
  'optional.none().or(optional.of(3)).value()': '3',
  'optional.none().value()': 'error: optional.none() dereference',
  'optional.ofNonZeroValue(0)': 'none',
  "optional.ofNonZeroValue('a').hasValue()": 'true',
  "{'a': 1}.?b": 'none',
  "{'a': {'b': 1}}.?a.b": 'some(1)',
  "{'a': {'b': 1}}.?x.b.orValue(9)": '9',
  "has({'a': {'b': 1}}.?a.b)": 'true',
  "has({'a': {'b': 1}}.?a.c)": 'false',
  '[1, 2][?5]': 'none',
  '[1, 2][?0]': 'some(1)',
  '[?optional.of(1), ?optional.none(), 2]': '[1, 2]',
  "{?'a': optional.none(), 'b': 1}": '{"b": 1}',
  '[?1]': "compile: 1:3: expected type 'optional_type(int)' but found 'int'",
  'optional.of(1).optMap(x, x + 1)': 'some(2)',
  'optional.none().optMap(x, x + 1)': 'none',
  'optional.of(1).optFlatMap(x, optional.of(x + 1))': 'some(2)',
  '[1, 2].first()': 'some(1)',
  '[].last()': 'none',
  'optional.unwrap([optional.of(1), optional.none()])': '[1]',
});

table('conversions say what they cannot read', {
  "int('12')": '12',
  'int(2.9)': '2',
  'int(1e19)': 'program: integer overflow',
  "int('abc')": "program: type conversion error from 'string' to 'int'",
  "int(dyn('abc'))": "program: type conversion error from 'string' to 'int'",
  "int(['abc'][0])": "error: type conversion error from 'string' to 'int'",
  'uint(-1)': 'program: unsigned integer overflow',
  "double('1.5')": '1.5',
  'string(1.0)': '"1"',
  'string(123456789.0)': '"1.23456789e+08"',
  'string(0.00001)': '"1e-05"',
  'string(true)': '"true"',
  "string(b'abc')": '"abc"',
  "string(b'\\xff')": 'program: invalid UTF-8 in bytes, cannot convert to string',
  "bytes('é')": 'b"Ã©"',
  "bool('T')": 'true',
  'type(1)': 'int',
  'type([1]) == list': 'true',
  "type(duration('1s')) == google.protobuf.Duration": 'true',
  'type(null) == null_type': 'true',
  'type(int) == type': 'true',
  'string([1])': "compile: 1:7: found no matching overload for 'string' applied to '(list(int))'",
});

table('times and durations are counted to the nanosecond', {
  "duration('1h2m') + duration('3s')": 'duration 3723s',
  "duration('1h').getMinutes()": '60',
  "string(duration('-1.5s'))": '"-1.5s"',
  "duration('x')": 'compile: 1:10: invalid duration argument',
  "duration('2562047h') + duration('2562047h')": 'error: duration overflow',
  "timestamp('2023-01-01T00:00:00Z') + duration('25h')": 'timestamp 2023-01-02T01:00:00Z',
  "timestamp('2023-01-01T00:00:00Z') - timestamp('2022-12-31T00:00:00Z')": 'duration 86400s',
  "timestamp('9999-12-31T23:59:59Z') + duration('1s')": 'error: timestamp overflow',
  "string(timestamp('2023-01-01T00:00:00.5+02:00'))": '"2023-01-01T00:00:00.5+02:00"',
  "timestamp('2023-01-01T00:00:00+02:00').getFullYear()": '2022',
  "timestamp('2023-01-01T05:00:00Z').getHours('America/Los_Angeles')": '21',
  "timestamp('2023-01-01T05:00:00Z').getHours('-08:30')": '20',
  "timestamp('2023-01-01T05:00:00Z').getHours('nowhere')": 'error: unknown time zone nowhere',
  "timestamp('2023-02-01T05:00:00.123Z').getMilliseconds()": '123',
  "timestamp('2023-02-01T00:00:00Z').getDayOfYear()": '31',
  "timestamp('2023-07-14T10:30:45Z').getDayOfWeek()": '5',
  "timestamp('2023-13-01T00:00:00Z')": 'compile: 1:11: invalid timestamp argument',
  "int(timestamp('1970-01-01T00:00:10Z'))": '10',
});

table('strings are counted in code points', {
  "'a\u{1f601}b'.charAt(1)": '"\u{1f601}"',
  "'abc'.charAt(3)": '""',
  "'abc'.charAt(4)": 'error: index out of range: 4',
  "'tacocat'.indexOf('ac')": '1',
  "'\u{1f601}b'.indexOf('b')": '1',
  "'tacocat'.indexOf('a', 3)": '5',
  "'tacocat'.indexOf('', -1)": '-1',
  "'tacocat'.indexOf('a', -1)": 'error: index out of range: -1',
  "'tacocat'.lastIndexOf('at')": '5',
  "'tacocat'.lastIndexOf('a', 3)": '1',
  "'tacocat'.substring(1, 4)": '"aco"',
  "'tacocat'.substring(4, 1)": 'error: invalid substring range. start: 4, end: 1',
  "'tacocat'.substring(9)": 'error: index out of range: 9',
  "'TacoCät'.lowerAscii()": '"tacocät"',
  "'hello'.replace('l', 'L', 1)": '"heLlo"',
  "'ab'.replace('', '_')": '"_a_b_"',
  "'a,b,c'.split(',')": '["a", "b", "c"]',
  "'a,b,c'.split(',', 2)": '["a", "b,c"]',
  "'a,b'.split(',', 0)": '[]',
  "'ab'.split('')": '["a", "b"]',
  "''.split(',')": '[""]',
  "['a', 'b'].join('-')": '"a-b"',
  "' \\u00a0a '.trim()": '"a"',
  "strings.quote('a\"\\n')": '"\\"a\\\\\\"\\\\n\\""',
  "'abc'.reverse()": "compile: 1:14: found no matching overload for 'reverse' applied to 'string.()'",
  "'abc'.matches('^a.c$')": 'true',
  "'abc'.matches('(')": 'compile: 1:15: invalid matches argument',
  "'abc'.find('[')": 'program: error parsing regexp: missing closing ]: `[`',
  "'abc'.find(['['][0])": 'error: Illegal regex: error parsing regexp: missing closing ]: `[`',
  "'aaxa'.findAll('a+')": '["aa", "a"]',
  "'aaxa'.findAll('a', 2)": '["a", "a"]',
});

table('format writes values as Go would', {
  "'%s %d %.2f %x %%'.format(['a', dyn(1), dyn(1.5), dyn(255)])": '"a 1 1.50 ff %"',
  "'%s'.format([[1, 2]])": '"[1, 2]"',
  "'%s'.format([{'b': 1, 'a': 2}])": '"{\\"a\\":2, \\"b\\":1}"',
  "'%.3f'.format([1234567.0])": '"1,234,567.000"',
  "'%e'.format([1052.032911275])": '"1.052033×10⁰³"',
  "'%b %o'.format([5, 8])": '"101 10"',
  "'%X'.format(['hi'])": '"6869"',
  "'%d'.format(['a'])":
    'compile: 1:14: error during formatting: decimal clause can only be used on integers, was given string',
  "'%s'.format([1, 2])": 'compile: 1:12: too many arguments supplied to string.format (expected 1, got 2)',
  "'%s %s'.format(['a'])": 'compile: 1:15: index 1 out of range',
  "'%z'.format([1])": 'compile: 1:12: could not parse formatting clause: unrecognized formatting clause "z"',
  "'%d'.format([dyn('a')])":
    'error: error during formatting: decimal clause can only be used on integers, was given string',
});

table("lists have Kubernetes' functions and those of sets", {
  '[1, 3, 2].isSorted()': 'false',
  '[1, 2].sum()': '3',
  "[duration('1s')].sum()": 'duration 1s',
  '[].sum()': '0',
  "['b', 'a'].max()": '"b"',
  '[dyn(1)].filter(x, x > 1).min()': 'error: min called on empty list',
  '[1, 2, 1].indexOf(1)': '0',
  '[1, 2, 1].lastIndexOf(1)': '2',
  '[1, 2, 3].slice(1, 3)': '[2, 3]',
  '[1].slice(0, 2)': 'error: cannot slice(0, 2), list is length 1',
  '[[1], [2, 3]].flatten()': '[1, 2, 3]',
  "['b', 'a'].sort()": '["a", "b"]',
  "[{'n': 2}, {'n': 1}].sortBy(x, x.n).map(x, x.n)": '[1, 2]',
  'lists.range(3)': '[0, 1, 2]',
  '[1, 2].reverse()': '[2, 1]',
  '[1, 1, 2].distinct()': '[1, 2]',
  'sets.contains([1, 2], [1])': 'true',
  'sets.equivalent([1, 2], [2, 1, 1])': 'true',
  'sets.intersects([1], [2])': 'false',
});

table('addresses, networks, URLs, quantities, versions and formats of Kubernetes', {
  "ip('1.2.3.4').family()": '4',
  "string(ip('2001:DB8::1'))": '"2001:db8::1"',
  "ip.isCanonical('2001:DB8::1')": 'false',
  "isIP('1.2.3')": 'false',
  "ip('1.2.3')":
    'error: IP Address "1.2.3" parse error during conversion from string: ParseAddr("1.2.3"): IPv4 address too short',
  "ip('::ffff:1.2.3.4')": 'error: IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed',
  "ip('127.0.0.1').isLoopback()": 'true',
  "ip('fe80::1').isLinkLocalUnicast()": 'true',
  "ip('1.2.3.4') == ip('1.2.3.4')": 'true',
  "cidr('10.0.0.0/8').containsIP('10.1.1.1')": 'true',
  "cidr('10.0.0.0/8').containsIP(ip('11.1.1.1'))": 'false',
  "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')": 'true',
  "cidr('10.0.0.0/16').containsCIDR('10.0.0.0/8')": 'false',
  "string(cidr('10.1.2.3/8').masked())": '"10.0.0.0/8"',
  "cidr('10.1.2.3/24').ip() == ip('10.1.2.3')": 'true',
  "cidr('10.0.0.0/8').prefixLength()": '8',
  "isCIDR('10.0.0.0')": 'false',
  "url('https://user@a.b:80/x%20y?k=1&k=2#f').getHost()": '"a.b:80"',
  "url('https://a.b:80/x%20y').getEscapedPath()": '"/x%20y"',
  "url('https://a.b/x y').getEscapedPath()": '"/x%20y"',
  "url('https://a.b?k=1&k=2').getQuery()": '{"k": ["1", "2"]}',
  "url('https://[::1]:80').getHostname()": '"::1"',
  "url('https://[::1]:80').getPort()": '"80"',
  "url('/a').getScheme()": '""',
  "isURL('a b')": 'false',
  "isURL('https://a:b')": 'false',
  "url('x')": 'error: URL parse error during conversion from string: parse "x": invalid URI for request',
  "quantity('1Gi').isGreaterThan(quantity('1M'))": 'true',
  "quantity('1.5') == quantity('1500m')": 'true',
  "quantity('50k').asInteger()": '50000',
  "quantity('1500m').isInteger()": 'false',
  "quantity('1500m').asApproximateFloat()": '1.5',
  "sign(quantity('-1'))": '-1',
  "quantity('50k').add(20).compareTo(quantity('50020'))": '0',
  "isQuantity('1Xi')": 'false',
  "quantity('x')": "error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  "semver('1.2.3').isLessThan(semver('1.10.0'))": 'true',
  "semver('1.0.0-alpha').compareTo(semver('1.0.0'))": '-1',
  "semver('v1.2', true).minor()": '2',
  "semver('1.2')": 'error: No Major.Minor.Patch elements found',
  "isSemver('v1.2.3')": 'false',
  "format.named('nothing')": 'none',
  "format.dns1123Label().validate('a-b')": 'none',
  "format.uuid().validate('x')": 'some(["does not match the UUID format"])',
  "format.date().validate('2023-02-30')": 'some(["invalid date"])',
});

test('an expression asks whoever runs it what somebody may do', () => {
  const asked: unknown[] = [];
  const authorizer = new AuthorizerValue((verb, about, account) => {
    asked.push([verb, about, account]);
    return { allowed: verb === 'get', reason: 'because', ...(verb === 'list' ? { error: 'broken' } : {}) };
  });
  const declarations = { variables: new Map([['authorizer', AUTHORIZER]]), structs: new Map() };
  const run = (text: string): string => {
    const { value, cost } = program(compile(text, declarations)).evaluate({ authorizer }, { costLimit: 1_000_000 });
    return `${words(value)}, ${cost}`;
  };
  assert.equal(run("authorizer.path('/x').check('get').allowed()"), 'true, 350003');
  assert.equal(
    run("authorizer.serviceAccount('a', 'b').group('').resource('pods').check('list').error()"),
    '"broken", 350005',
  );
  assert.equal(
    run(
      "authorizer.group('g').resource('r').namespace('n').name('m').subresource('s').labelSelector('a=b').check('get').reason()",
    ),
    '"because", 350118',
  );
  assert.match(run("authorizer.path(' ').check('get').allowed()"), /^error: path must not be empty/);
  assert.match(
    run("authorizer.serviceAccount('a', '_').path('/').check('get').allowed()"),
    /Invalid service account name/,
  );
  const nothing = { subresource: '', namespace: '', name: '', fieldSelector: '', labelSelector: '' };
  assert.deepEqual(asked, [
    ['get', { path: '/x' }, undefined],
    ['list', { ...nothing, group: '', resource: 'pods' }, { namespace: 'a', name: 'b' }],
    [
      'get',
      {
        group: 'g',
        resource: 'r',
        namespace: 'n',
        name: 'm',
        subresource: 's',
        fieldSelector: '',
        labelSelector: 'a=b',
      },
      undefined,
    ],
  ]);
});
