// `node scripts/run.mjs FILE ARGS…`: runs a TypeScript file of the project on the project's Node, whatever Node npm runs on.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runOnProjectNode } from '../bin/node.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) throw new Error('usage: node scripts/run.mjs FILE ARGS…');
await runOnProjectNode(pathToFileURL(resolve(file)).href, [file, ...args]);
