// What `.cache/js/main.js` is where that cannot be written: the program as it stands in `src`, with its types.
import { dirname } from 'node:path';
import { main } from '../src/cmd/cmd.ts';

const code = await main(process.argv.slice(2), { root: dirname(import.meta.dirname), entry: import.meta.filename });
if (typeof code === 'number') process.exitCode = code;
