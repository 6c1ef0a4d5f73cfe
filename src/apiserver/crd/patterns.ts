/**
 * Patterns of definitions: how many there may be, and how they are compiled without holding up others. Upstream has no bound for all patterns of a
 * definition; Go compiles them some ten times as fast, and keeps each for ever.
 */
import {
  compilePattern,
  type CustomResourceDefinition,
  everySchema,
  type FieldError,
  forbiddenField,
  forgottenPatterns,
  patternError,
  patternSize,
} from '#api';
import type { Clock } from '#util';
import { Pace } from '../registry/pace.ts';

/** Of all different patterns of a definition, in instructions of their programs: half of what is kept of all definitions. */
const MAX_SIZE = 300_000;

type Versions = CustomResourceDefinition['spec']['versions'];

/** Each once. */
function patternsOf(versions: Versions | undefined): Set<string> {
  const patterns = new Set<string>();
  for (const { schema } of versions ?? []) {
    if (schema?.openAPIV3Schema === undefined) continue;
    for (const { pattern = '' } of everySchema(schema.openAPIV3Schema)) if (pattern !== '') patterns.add(pattern);
  }
  return patterns;
}

/**
 * Looks in turns for what is wrong with each pattern, so that validation knows it. Tells where they are too much for a definition, unless they were
 * so before.
 */
export async function judgePatterns(
  { spec }: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
  clock: Clock,
): Promise<FieldError[]> {
  const patterns = patternsOf(spec.versions);
  const isNew = old === undefined || !patterns.isSubsetOf(patternsOf(old.spec.versions));
  const pace = new Pace(clock);
  let size = 0;
  for (const pattern of patterns) {
    size += patternSize(pattern);
    if (pace.due) await pace.turn();
  }
  if (size > MAX_SIZE && isNew) {
    const why = `the patterns of a definition must not compile to more than ${MAX_SIZE} instructions in all, and these come to ${size} (try fewer patterns, or smaller counted repetitions)`;
    return [forbiddenField('spec.versions', why)];
  }
  for (const pattern of patterns) {
    patternError(pattern);
    if (pace.due) await pace.turn();
  }
  return [];
}

/** The patterns of a version, compiled in turns before objects are validated by them. */
export class VersionPatterns {
  readonly #patterns: readonly string[];
  /** Of patterns forgotten when all of these had been compiled. */
  #forgotten = -1;

  constructor(version: Versions[number]) {
    this.#patterns = [...patternsOf([version])];
  }

  /** Undefined: all are there. */
  ready(clock: Clock): Promise<void> | undefined {
    if (this.#patterns.length === 0 || this.#forgotten === forgottenPatterns()) return undefined;
    return this.#compile(clock);
  }

  async #compile(clock: Clock): Promise<void> {
    const pace = new Pace(clock);
    const before = forgottenPatterns();
    for (const pattern of this.#patterns) {
      if (patternError(pattern) === undefined) compilePattern(pattern);
      if (pace.due) await pace.turn();
    }
    // What was forgotten meanwhile may be one of these.
    this.#forgotten = before;
  }
}
