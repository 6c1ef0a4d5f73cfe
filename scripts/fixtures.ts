/** The second half of `npm run setup`: what test images and the registry of tests are made of. Silent when all is there. */
import { fetchImagePackages } from '#testing';

await fetchImagePackages((text) => console.log(`Setting up: ${text} …`));
