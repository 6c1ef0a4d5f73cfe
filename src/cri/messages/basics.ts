/** A 64-bit integer in decimal: nanosecond timestamps do not fit a JavaScript number. `BigInt(value)` is exact. */
export type Int64 = `${bigint}`;
export type Empty = Record<string, never>;

/** What a caller may pass for a message: every field optional, numbers welcome where the answer would be an `Int64`. */
export type Input<T> = T extends Int64
  ? Int64 | number
  : T extends string | number | boolean | Buffer
    ? T
    : T extends readonly (infer Item)[]
      ? readonly Input<Item>[]
      : { readonly [K in keyof T]?: Input<T[K]> | undefined };
