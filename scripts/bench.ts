/** `npm run bench -- NAME …`: runs `test/bench/NAME.ts`, which exports `run(args)` and prints figures. Without a name: which there are. */
import { runNamed } from './named.ts';

await runNamed('test/bench', 'bench');
