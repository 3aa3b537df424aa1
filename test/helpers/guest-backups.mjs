/**
 * In a guest: takes revisions through the published API, one for each directory that comes in by a pipe. Where a processor is
 * emulated, starting Node takes longer than all that is tested here.
 *
 * node guest-backups.mjs REQUESTS ANSWERS, two pipes with names. Each answer is a line of JSON: `record`, or `error`.
 */

import { createReadStream, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openRepository } from '../../dist/index.js';

const [requests, answers] = process.argv.slice(2);
// Opened for both ways, a pipe does not end when the other side closes it.
const input = createReadStream(requests, { flags: 'r+' });
const output = openSync(answers, 'r+');

for await (const directory of createInterface({ input }))
  writeSync(output, `${JSON.stringify(await backUp(directory))}\n`);

async function backUp(directory) {
  try {
    return await (await openRepository(directory)).backup({ tags: ['manual:x'] });
  } catch (error) {
    return { error: error.message };
  }
}
