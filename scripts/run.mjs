// `node scripts/run.mjs FILE ARGS…`: runs a TypeScript file of the project on the project's Node, whatever Node npm runs on.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isRightNode, runOnProjectNode } from '../bin/node.mjs';

const file = process.argv[2];
if (file === undefined) throw new Error('usage: node scripts/run.mjs FILE ARGS…');
if (isRightNode()) process.argv.splice(1, 1); // the script sees the arguments it would see if Node had been given it directly
await runOnProjectNode(pathToFileURL(resolve(file)).href);
