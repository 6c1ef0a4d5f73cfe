/** `npm run fuzz -- NAME …`: runs `test/fuzz/NAME.ts`, which exports `run(args)`. Without a name: which there are. */
import { runNamed } from './named.ts';

await runNamed('test/fuzz', 'fuzz');
