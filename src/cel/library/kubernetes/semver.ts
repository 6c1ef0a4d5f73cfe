/** Semantic versions. Sources: apiserver pkg/cel/library/semverlib.go v1.36; github.com/blang/semver v4. */
import { fn, type FunctionDecl, type Implementation, member, overload } from '../../check/declarations.ts';
import { BOOL, INT, STRING, structType, type Type } from '../../check/types.ts';
import { compareStrings } from '../../values/compare.ts';
import { CelError, intOf, NO_OVERLOAD, Opaque, type Value } from '../../values/value.ts';

const SEMVER = structType('kubernetes.Semver');
const MAX_UINT64 = 2n ** 64n - 1n;

interface Version {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly prerelease: readonly (bigint | string)[];
}

class SemverValue extends Opaque {
  override readonly type: Type = SEMVER;
  readonly version: Version;
  constructor(version: Version) {
    super();
    this.version = version;
  }
  override equals(other: Value): boolean | CelError {
    return other instanceof SemverValue ? compare(this.version, other.version) === 0 : NO_OVERLOAD;
  }
}

const quoted = (text: string): string => JSON.stringify(text);

/** What is wrong with a text as version, for this file only. */
class VersionError extends Error {
  override readonly name = 'VersionError';
}

function uint(text: string): bigint {
  const failed = (why: string): VersionError => new VersionError(`strconv.ParseUint: parsing ${quoted(text)}: ${why}`);
  if (text === '') throw failed('invalid syntax');
  const value = text.length > 20 ? MAX_UINT64 + 1n : BigInt(text);
  if (value > MAX_UINT64) throw failed('value out of range');
  return value;
}

function element(text: string, name: string): bigint {
  if (!/^\d*$/.test(text)) throw new VersionError(`Invalid character(s) found in ${name} number ${quoted(text)}`);
  if (/^0./.test(text)) {
    const capital = name[0]!.toUpperCase() + name.slice(1);
    throw new VersionError(`${capital} number must not contain leading zeroes ${quoted(text)}`);
  }
  return uint(text);
}

function prereleasePart(text: string): bigint | string {
  if (text === '') throw new VersionError('Prerelease is empty');
  if (/^\d+$/.test(text)) {
    if (/^0./.test(text))
      throw new VersionError(`Numeric PreRelease version must not contain leading zeroes ${quoted(text)}`);
    return uint(text);
  }
  if (/^[0-9A-Za-z-]+$/.test(text)) return text;
  throw new VersionError(`Invalid character(s) found in prerelease ${quoted(text)}`);
}

function checkBuild(text: string): void {
  if (text === '') throw new VersionError('Build meta data is empty');
  if (!/^[0-9A-Za-z-]+$/.test(text))
    throw new VersionError(`Invalid character(s) found in build meta data ${quoted(text)}`);
}

function parse(text: string): Version {
  if (text === '') throw new VersionError('Version string empty');
  const parts = /^([^.]*)\.([^.]*)\.([^]*)$/.exec(text);
  if (parts === null) throw new VersionError('No Major.Minor.Patch elements found');
  const [, majorText = '', minorText = '', rest = ''] = parts;
  const major = element(majorText, 'major');
  const minor = element(minorText, 'minor');
  const [, patchText = '', pre, build] = /^([^+-]*)(?:-([^+]*))?(?:\+([^]*))?$/.exec(rest)!;
  const patch = element(patchText, 'patch');
  const prerelease = pre === undefined ? [] : pre.split('.').map(prereleasePart);
  if (build !== undefined) for (const part of build.split('.')) checkBuild(part);
  return { major, minor, patch, prerelease };
}

/** A version with a leading v, zeros before numbers, or parts left out. */
function normalized(text: string): string {
  const bare = text.startsWith('v') ? text.slice(1) : text;
  const parts = /^([^.]*)(?:\.([^.]*))?(?:\.([^]*))?$/
    .exec(bare)!
    .slice(1)
    .filter((p) => p !== undefined);
  const trimmed = parts.map((part) => {
    if (part.length <= 1) return part;
    const stripped = part.replace(/^0+/, '');
    return /^[0-9]/.test(stripped) ? stripped : `0${stripped}`;
  });
  if (trimmed.length < 3 && /[+-]/.test(trimmed.at(-1) ?? ''))
    throw new VersionError('short version cannot contain PreRelease/Build meta data');
  while (trimmed.length < 3) trimmed.push('0');
  return trimmed.join('.');
}

const sign = (a: bigint | number, b: bigint | number): number => (a < b ? -1 : a > b ? 1 : 0);

function compare(a: Version, b: Version): number {
  const numbers = sign(a.major, b.major) || sign(a.minor, b.minor) || sign(a.patch, b.patch);
  if (numbers !== 0) return numbers;
  // A release comes after all that led to it.
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return sign(b.prerelease.length, a.prerelease.length);
  for (const [i, x] of a.prerelease.entries()) {
    const y = b.prerelease[i];
    if (y === undefined) return 1;
    const order = comparePart(x, y);
    if (order !== 0) return order;
  }
  return sign(a.prerelease.length, b.prerelease.length);
}

function comparePart(a: bigint | string, b: bigint | string): number {
  if (typeof a === 'bigint') return typeof b === 'bigint' ? sign(a, b) : -1;
  return typeof b === 'bigint' ? 1 : compareStrings(a, b);
}

function read(text: string, normalize: boolean): SemverValue | CelError {
  try {
    return new SemverValue(parse(normalize ? normalized(text) : text));
  } catch (error) {
    if (error instanceof VersionError) return new CelError(error.message);
    throw error;
  }
}

const toSemver: Implementation = ([text, normalize = false]) => read(text as string, normalize as boolean);
const isSemver: Implementation = ([text, normalize = false]) =>
  read(text as string, normalize as boolean) instanceof SemverValue;
const order = (a: Value | undefined, b: Value | undefined): number =>
  compare((a as SemverValue).version, (b as SemverValue).version);
const number = (name: 'major' | 'minor' | 'patch'): FunctionDecl =>
  fn(
    name,
    member(`semver_${name}`, [SEMVER], INT, ([semver]) =>
      intOf(BigInt.asIntN(64, (semver as SemverValue).version[name])),
    ),
  );

const S = SEMVER;

export const semverLibrary: readonly FunctionDecl[] = [
  fn(
    'semver',
    overload('string_to_semver', [STRING], S, toSemver),
    overload('string_bool_to_semver', [STRING, BOOL], S, toSemver),
  ),
  fn(
    'isSemver',
    overload('is_semver_string', [STRING], BOOL, isSemver),
    overload('is_semver_string_bool', [STRING, BOOL], BOOL, isSemver),
  ),
  fn(
    'isGreaterThan',
    member('semver_is_greater_than', [S, S], BOOL, ([a, b]) => order(a, b) > 0),
  ),
  fn(
    'isLessThan',
    member('semver_is_less_than', [S, S], BOOL, ([a, b]) => order(a, b) < 0),
  ),
  fn(
    'compareTo',
    member('semver_compare_to', [S, S], INT, ([a, b]) => order(a, b)),
  ),
  number('major'),
  number('minor'),
  number('patch'),
];
