/** The parts of a JSONPath template. Source: client-go util/jsonpath/node.go v0.36. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly nodes: readonly Node[] }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'identifier'; readonly name: string }
  | { readonly kind: 'array'; readonly start: Bound; readonly end: Bound; readonly step: Bound }
  | { readonly kind: 'filter'; readonly left: Path; readonly right: Path; readonly operator: string }
  | { readonly kind: 'literal'; readonly value: number | boolean; readonly isFloat: boolean }
  | { readonly kind: 'union'; readonly paths: readonly Path[] }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'recursive' };

export type Path = readonly Node[];

/** A bound of a slice. */
export interface Bound {
  readonly isKnown: boolean;
  readonly value: number;
  /** The end that follows from a start given alone. */
  readonly isDerived: boolean;
}

/** What is wrong with a template, or with a value it is applied to; the message is upstream's. */
export class JSONPathError extends Error {
  override readonly name = 'JSONPathError';
}
