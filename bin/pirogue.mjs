#!/usr/bin/env node
// The `pirogue` command. What it does is in src/cmd; this only finds the Node to do it with, and the program without its types.
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { onProjectNode } from './node.mjs';

await onProjectNode(async () => {
  const { compile } = await import('./compile.mjs');
  await import(pathToFileURL(compile(dirname(dirname(fileURLToPath(import.meta.url))))).href);
});
