import type { Row } from './table-file.ts';

/** Rows in order on their way between threads: their records one behind the other. */
export interface RowSlice {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The numbers of the rows. */
  readonly rows: Float64Array<ArrayBuffer>;
  /** Where in `bytes` each record ends. */
  readonly ends: Float64Array<ArrayBuffer>;
}

/** 1 ms of work for the other side. */
const SLICE_BYTES = 512 << 10;
const SLICE_ROWS = 1000;

/** Cuts rows into slices; the last one may be empty. A row larger than a slice is one of its own. `next` takes the memory of a slice that is done with. */
export function* slicesOf(rows: Iterable<Row>): Generator<RowSlice, undefined, ArrayBuffer | undefined> {
  let spare: ArrayBuffer | undefined;
  const numbers = new Float64Array(SLICE_ROWS);
  const ends = new Float64Array(SLICE_ROWS);
  let count = 0;
  let bytes = Buffer.allocUnsafeSlow(SLICE_BYTES);
  let length = 0;
  const cut = (): RowSlice => ({
    bytes: new Uint8Array(bytes.buffer, 0, length),
    rows: numbers.slice(0, count),
    ends: ends.slice(0, count),
  });
  for (const { id, record } of rows) {
    if (count === SLICE_ROWS || length + record.length > bytes.length) {
      if (count > 0) spare = yield cut();
      const size = Math.max(SLICE_BYTES, record.length);
      bytes = spare?.byteLength === size ? Buffer.from(spare) : Buffer.allocUnsafeSlow(size);
      spare = undefined;
      count = 0;
      length = 0;
    }
    record.copy(bytes, length);
    length += record.length;
    numbers[count] = id;
    ends[count++] = length;
  }
  yield cut();
  return undefined;
}
