/** `npm run faults -- NAME …`: runs `test/fault/NAME.ts`, which exports `run(args)`. Without a name: which there are. */
import { runNamed } from './named.ts';

await runNamed('test/fault', 'faults');
