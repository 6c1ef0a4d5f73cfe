/** The path of the field a rule blames: `.spec.color`, `['a.b']`. Source: ValidFieldPath of apiextensions-apiserver schema/cel/validation.go v1.36. */
import { child, keyPath, type StructuralSchema } from '#api';

const STEP = /\.([^.[\]]+)|\['((?:\\.|[^'\\])*)'\]/gy;
const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
};

/** As errors show it, below the node whose rule it is; undefined: it leads nowhere, which a definition's validation has complained of. */
export function rulePath(text: string, schema: StructuralSchema): string | undefined {
  let path = '';
  let current: StructuralSchema | undefined = schema;
  let end = 0;
  for (const [step, plain, quoted] of text.matchAll(STEP)) {
    if (current === undefined) return undefined;
    const name = plain ?? quoted!.replaceAll(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter);
    end += step.length;
    const { properties, additionalProperties }: StructuralSchema = current;
    if (properties.size > 0) {
      if (!properties.has(name)) return undefined;
      path = child(path, name);
      current = properties.get(name);
    } else {
      if (additionalProperties === undefined) return undefined;
      path = keyPath(path, name);
      current = typeof additionalProperties === 'object' ? additionalProperties : undefined;
    }
  }
  return end === text.length ? path : undefined;
}
