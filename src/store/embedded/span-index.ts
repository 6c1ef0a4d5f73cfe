import type { Key } from '../types.ts';
import type { Span } from './keyspace.ts';

/**
 * Finds all spans that contain a key in one binary search: the key space is cut at every bound of a span, and each piece
 * knows the spans that cover it. Meant for many lookups among spans that change seldom.
 */
export class SpanIndex<T> {
  /** Piece i is [#cuts[i], #cuts[i + 1]). The first begins at the smallest key. */
  readonly #cuts: Key[] = [''];
  readonly #covers: T[][] = [[]];
  /** How many spans have a bound at the cut; the piece at 0 always stays. */
  readonly #bounds: number[] = [1];

  add({ from, end }: Span, item: T): void {
    if (end !== undefined && end <= from) return;
    const first = this.#cutAt(from);
    const behind = end === undefined ? this.#cuts.length : this.#cutAt(end);
    for (let i = first; i < behind; i++) (this.#covers[i] as T[]).push(item);
  }

  delete({ from, end }: Span, item: T): void {
    if (end !== undefined && end <= from) return;
    const first = this.#pieceOf(from);
    const behind = end === undefined ? this.#cuts.length : this.#pieceOf(end);
    for (let i = first; i < behind; i++) {
      const cover = this.#covers[i] as T[];
      cover.splice(cover.indexOf(item), 1);
    }
    if (end !== undefined) this.#uncut(behind);
    this.#uncut(first);
  }

  covering(key: Key): readonly T[] {
    return this.#covers[this.#pieceOf(key)] as T[];
  }

  get pieceCount(): number {
    return this.#cuts.length;
  }

  #cutAt(key: Key): number {
    const piece = this.#pieceOf(key);
    if (this.#cuts[piece] === key) {
      (this.#bounds[piece] as number)++;
      return piece;
    }
    this.#cuts.splice(piece + 1, 0, key);
    this.#covers.splice(piece + 1, 0, [...(this.#covers[piece] as T[])]);
    this.#bounds.splice(piece + 1, 0, 1);
    return piece + 1;
  }

  #uncut(piece: number): void {
    if (--(this.#bounds[piece] as number) > 0) return;
    this.#cuts.splice(piece, 1);
    this.#covers.splice(piece, 1);
    this.#bounds.splice(piece, 1);
  }

  /** Index of the piece the key lies in. */
  #pieceOf(key: Key): number {
    let low = 0;
    let high = this.#cuts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#cuts[middle] as Key) <= key) low = middle;
      else high = middle;
    }
    return low;
  }
}
