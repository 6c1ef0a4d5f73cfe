/** `v1`, `v2beta3`; anything else comes after all of these. */
const VERSION = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const STABILITY: Readonly<Record<string, number>> = { alpha: 0, beta: 1 };

/**
 * Order of versions, the one clients should prefer first: stable before beta before alpha, higher numbers first, then other names by their letters.
 * Source: CompareKubeAwareVersionStrings, apimachinery pkg/version/helpers.go v0.36.
 */
export function compareVersions(a: string, b: string): number {
  const left = VERSION.exec(a);
  const right = VERSION.exec(b);
  if (left === null || right === null) {
    if (left === right) return a < b ? -1 : a > b ? 1 : 0;
    return left === null ? 1 : -1;
  }
  const rank = ([, major, stability, minor]: RegExpExecArray): readonly number[] => [
    stability === undefined ? 2 : STABILITY[stability]!,
    Number(major),
    Number(minor ?? 0),
  ];
  const own = rank(left);
  for (const [i, other] of rank(right).entries()) if (own[i] !== other) return other - own[i]!;
  return 0;
}
