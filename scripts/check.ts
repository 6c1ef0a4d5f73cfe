/** `npm run check`: format, lint, types, dead code, unit tests and architecture, in seconds, with no root and no network. */
import { closingLine, reportOf, runChecks, runUnitTests } from './suites.ts';

const reports = [...(await runChecks()), await runUnitTests()];
console.log(closingLine(reports));
process.exitCode = reportOf(reports).failed === 0 ? 0 : 1;
