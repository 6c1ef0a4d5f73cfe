#!/usr/bin/env node
// The `pirogue` command. What it does is in src/cmd; this only finds the Node to do it with.
import { runOnProjectNode } from './node.mjs';

const { main } = await runOnProjectNode(new URL('../src/cmd/cmd.ts', import.meta.url).href);
const code = await main(process.argv.slice(2));
if (typeof code === 'number') process.exitCode = code;
