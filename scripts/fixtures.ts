/** The second half of `npm run setup`: descriptions of the API, and what test images and the registry of tests are made of. Silent when all is there. */
import { fetchImagePackages } from '#testing';
import { messageOf } from '#util';
import { writeDescriptions } from './descriptions.ts';

try {
  writeDescriptions();
  await fetchImagePackages((text) => console.log(`Setting up: ${text} …`));
} catch (error) {
  console.error(messageOf(error).split('\n').slice(-6).join('\n'));
  process.exitCode = 1;
}
