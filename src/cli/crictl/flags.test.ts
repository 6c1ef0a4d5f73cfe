import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../command.ts';
import { bool, describeFlags, duration, durationMs, int, parseFlags, string, strings } from './flags.ts';

const FLAGS = {
  all: bool('Show all', 'a'),
  quiet: bool('Only ids', 'q'),
  output: string('Format', 'o'),
  label: strings('Labels'),
  last: int('How many', 'n'),
  timeout: duration('How long', 't'),
} as const;

const parse = (line: string, options = {}): ReturnType<typeof parseFlags<typeof FLAGS>> =>
  parseFlags(FLAGS, line.split(' '), options);

test('options come as Go takes them: one dash or two, values behind a space or an equals sign', () => {
  for (const line of ['-o json', '--o json', '-output json', '--output json', '-o=json', '--output=json'])
    assert.equal(parse(line).values.output, 'json', line);
  const { values } = parse('--label a=b --label c=d,e=f -n 3 --timeout 1m30s');
  assert.deepEqual(values, {
    all: false,
    quiet: false,
    label: ['a=b', 'c=d', 'e=f'],
    last: 3,
    timeout: 90_000,
  });
});

test('letters can be put together, the last one with its value', () => {
  const { values } = parse('-aqo yaml');
  assert.deepEqual([values.all, values.quiet, values.output], [true, true, 'yaml']);
  assert.equal(parse('--all=false').values.all, false);
});

test('options may stand behind arguments, unless these are another program’s', () => {
  assert.deepEqual(parse('one -a two').args, ['one', 'two']);
  const { values, args, help } = parse('-q id ls -a --help', { stopAtArgument: true });
  assert.deepEqual([values.quiet, values.all, help, args], [true, false, false, ['id', 'ls', '-a', '--help']]);
  assert.deepEqual(parse('-a -- -q --help').args, ['-q', '--help']);
  assert.equal(parse('one --help').help, true);
});

test('what is no option, or has no value or a wrong one, is told in Go’s words', () => {
  const refused = (line: string, message: RegExp): void =>
    assert.throws(
      () => parse(line),
      (error: Error) => error instanceof UsageError && message.test(error.message),
      line,
    );
  refused('--nope', /^flag provided but not defined: -nope$/);
  refused('-az', /^flag provided but not defined: -az$/);
  refused('--constructor', /not defined: -constructor/);
  refused('-o', /^flag needs an argument: -o$/);
  refused('-n three', /^invalid value "three" for flag -n/);
  refused('--timeout 10', /^invalid value "10" for flag --timeout/);
  refused('--all=maybe', /^invalid value "maybe"/);
});

test('durations are Go’s', () => {
  assert.deepEqual(['2s', '1h1m', '1.5s', '250ms', '-1m', '0', '10', 's', ''].map(durationMs), [
    2000,
    3_660_000,
    1500,
    250,
    -60_000,
    0,
    undefined,
    undefined,
    undefined,
  ]);
});

test('help lists every option with its short form', () => {
  assert.match(describeFlags(FLAGS), /^ {2}--all, -a +Show all$/m);
  assert.match(describeFlags(FLAGS), /^ {2}--output value, -o value +Format$/m);
});
