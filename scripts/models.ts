/** The classes of `@kubernetes/client-node`, as far as they say something of the API: which fields are required, and what they are for. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the package is, whether or not it is there. */
export const CLIENT_NODE = fileURLToPath(new URL('../node_modules/@kubernetes/client-node', import.meta.url));

/** The class of a definition (`core.v1.Pod`): `V1Pod`, or with the group where two groups share it (`CoreV1Event`). Undefined if there is none. */
export function modelText(name: string): string | undefined {
  const [group = '', version = '', kind = ''] = name.split('.');
  const capital = (word: string): string => `${word[0]?.toUpperCase() ?? ''}${word.slice(1)}`;
  const file = [`${capital(group)}${capital(version)}${kind}`, `${capital(version)}${kind}`]
    .map((model) => join(CLIENT_NODE, 'dist/gen/models', `${model}.d.ts`))
    .find((path) => existsSync(path));
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}

/** The JSON name of a field of a class: reserved words have a leading `_`, and what is no identifier is spelled as one. */
export const jsonName = (field: string): string =>
  field.startsWith('x_kubernetes_') ? field.replaceAll('_', '-') : field.replace(/^_/, '');
