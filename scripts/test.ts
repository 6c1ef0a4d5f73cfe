/**
 * `npm test`: everything `npm run check` does, then each end-to-end suite on a machine of its own. Names of suites as arguments
 * (`npm test -- monsterstack`) run only those. The last line sums it all up.
 */
import { closingLine, endToEndSuites, reportOf, runChecks, runEndToEnd, runUnitTests } from './suites.ts';

const wanted = process.argv.slice(2);
const suites = endToEndSuites(wanted);
const reports = wanted.length > 0 ? [] : [...(await runChecks()), await runUnitTests()];
for (const suite of suites) reports.push(await runEndToEnd(suite));
console.log(closingLine(reports));
process.exitCode = reportOf(reports).failed === 0 ? 0 : 1;
