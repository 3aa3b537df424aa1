/**
 * A process that works on a repository when it is told to, so that a trial need not wait for Node to start:
 * one line of JSON for each order on standard input, one for each answer on standard output.
 */

import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openRepository } from '../../../dist/index.js';

/** @type {Record<string, (repository: import('../../../src/index.ts').Repository, target: string) => Promise<unknown>>} */
const ORDERS = {
  backup: (repository) => repository.backup({ tags: ['manual:new'] }),
  verify: (repository) => repository.verify(),
  restore: (repository, target) => repository.restore({ target }),
  forget: (repository) => repository.forget({ revisions: '2..1' }),
  expire: (repository) => repository.expire({ confirmed: true }),
  purge: (repository) => repository.purge(),
  tags: (repository) => repository.editTags({ action: 'add', tags: ['manual:more'], revisions: 'all' }),
  undelete: (repository) => repository.undelete('all'),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { order, directory, target, diary, child } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await obey(order, { directory, target, diary, child }))}\n`);
}

/** @returns {Promise<{ code: string }>} `ok`, or the code of the error */
async function obey(order, { directory, target, diary, child }) {
  const log = (_level, message) => {
    appendFileSync(diary, `${process.pid} ${message}\n`);
    if (child && message.startsWith('backing up')) startChildAndDie();
  };
  try {
    await ORDERS[order](await openRepository(directory, { log }), target);
    return { code: 'ok' };
  } catch (error) {
    return { code: error.code ?? String(error), message: error.message };
  }
}

/** In the middle of a backup, with its locks held: the child lives on. */
function startChildAndDie() {
  const { pid } = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
  process.stdout.write(`${JSON.stringify({ code: 'child', pid })}\n`, () =>
    process.kill(process.pid, 'SIGKILL'),
  );
}
