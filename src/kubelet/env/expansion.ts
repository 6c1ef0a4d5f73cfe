/**
 * `$(NAME)` becomes the value of NAME, or stays as it is when there is none; `$$` is a literal dollar, so `$$(NAME)` is `$(NAME)`.
 * Source: third_party/forked/golang/expansion v1.36.
 */
export function expand(text: string, valueOf: (name: string) => string | undefined): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (valueOf(name) ?? whole),
  );
}
