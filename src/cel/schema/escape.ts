/** Names of fields as identifiers. Source: apiserver pkg/cel/escaping.go v1.36. */

const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);
const ESCAPES: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};
const UNESCAPES: Readonly<Record<string, string>> = { underscores: '__', dot: '.', dash: '-', slash: '/' };

/** Undefined: no identifier can stand for this name. */
export function escapeName(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_./-][A-Za-z0-9_./-]*$/.test(name)) return undefined;
  return name.replace(/__|[-./]/g, (part) => ESCAPES[part]!);
}

/** The keyword an identifier stands for, if it does. */
export function keywordOf(identifier: string): string | undefined {
  const inner = /^__([a-z]+)__$/.exec(identifier)?.[1];
  return inner !== undefined && RESERVED.has(inner) ? inner : undefined;
}

/** Undefined: no name is escaped so. */
export function unescapeName(identifier: string): string | undefined {
  if (!identifier.includes('__')) return identifier;
  let wrong = false;
  const name = identifier.replace(/__[^_]+__/g, (part) => {
    const inner = part.slice(2, -2);
    if (RESERVED.has(inner)) {
      wrong ||= part !== identifier;
      return inner;
    }
    const own = UNESCAPES[inner];
    wrong ||= own === undefined;
    return own ?? '';
  });
  return wrong ? undefined : name;
}
