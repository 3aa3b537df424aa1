/** The operations that are measured: what backy does, next to what a plain tool needs for the least of it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compareImages } from './changed-pages.mjs';
import { run } from './command.mjs';
import { changeAsGuest } from './guest.mjs';
import { interleave, measure, touchMemory, warm } from './measure.mjs';
import {
  andBack,
  backupCommand,
  backy,
  freshLiveRepository,
  freshRepository,
  newestBytesWritten,
  newestImage,
  requireEqual,
} from './repository.mjs';
import { bytesRow, memoryRow, timeRow } from './row.mjs';

const HUGE_BYTES = 4 * 2 ** 40;
// Starting a program is short: more rounds cost nothing and steady the median.
const STARTUP_ROUNDS = 21;
// What backy does before it seals anything: the data as the disk has them, not as memory has them.
const READ_BACK = 'dd if="$2" of=/dev/null bs=1M iflag=direct status=none';
const DD = '`dd if=IMAGE of=/dev/null bs=1M`';
const COPY = '`cp --sparse=always --reflink=never` and `sync` of the copy';
const COPY_SCRIPT = 'cp --sparse=always --reflink=never "$1" "$2" && sync "$2"';

/**
 * @typedef {object} Bench
 * @property {import('./scratch.mjs').Scratch} scratch
 * @property {string} image the standard image, on the scratch filesystem
 * @property {number} sizeBytes
 * @property {number} dataBytes
 * @property {number} rounds
 * @property {string} repository
 */

/**
 * Measures everything, one operation after another; each works on what the one before has left.
 * @param {Bench} bench
 * @param {(step: string) => void} announce told the name of each step before it starts
 * @returns {Promise<readonly import('./row.mjs').Row[]>}
 */
export async function measureRows(bench, announce) {
  const rows = [];
  for (const step of [firstBackup, sameAgain, verify, afterChanges, asInitialised, startup]) {
    announce(step.name);
    rows.push(...(await step(bench)));
  }
  const costs = rows.flatMap((row) => row.backy ?? []);
  announce(hugeBackup.name);
  return [
    ...rows,
    memoryRow('peak memory, 4 GiB image', 'everything above', costs),
    memoryRow('peak memory, 4 TiB sparse file', 'two backups, verify', await hugeBackup(bench)),
  ];
}

async function firstBackup({ scratch, image, dataBytes, rounds, repository }) {
  const copy = join(scratch.directory, 'copy');
  const prepare = async () => {
    rmSync(copy, { force: true });
    await freshLiveRepository(repository, image);
    await touchMemory(dataBytes * 1.5);
    await warm(image);
  };
  const pairs = await interleave(rounds, {
    async peer() {
      await prepare();
      return measure(scratch, ['sh', '-c', COPY_SCRIPT, 'sh', image, copy]);
    },
    async backy() {
      await prepare();
      return measure(scratch, backupCommand(repository));
    },
  });
  await requireEqual(repository, image);
  const readBack = await interleave(rounds, {
    async peer() {
      await prepare();
      return measure(scratch, ['sh', '-c', `${COPY_SCRIPT} && ${READ_BACK}`, 'sh', image, copy]);
    },
    async backy() {
      await prepare();
      return measure(scratch, backupCommand(repository));
    },
  });
  return [
    timeRow('first backup', COPY, 1.3, pairs),
    timeRow('first backup', 'the same, and reading the copy back from the disk', undefined, readBack),
  ];
}

async function sameAgain(bench) {
  const { pairs } = await backupsAgainstDd(bench);
  return [timeRow('backup, nothing changed', DD, 1.0, pairs)];
}

async function verify({ scratch, rounds, repository }) {
  const revision = newestImage(repository);
  await warm(revision);
  const pairs = await interleave(rounds, {
    peer: () => measure(scratch, ['b3sum', revision]),
    backy: () => measure(scratch, backy('-b', repository, 'verify', '-r', 'last')),
  });
  return [timeRow('verify', '`b3sum REVISION`', 0.8, pairs)];
}

async function afterChanges(bench) {
  const { image, sizeBytes, repository } = bench;
  await changeAsGuest({ image, sizeBytes, share: 0.01 });
  const changes = compareImages(newestImage(repository), image);
  const { pairs, recordedBytes } = await backupsAgainstDd(bench);
  const deviceBytes = pairs.map((pair) => pair.backy.deviceBytes);
  return [
    timeRow('backup, 1 % changed', DD, 1.6, pairs),
    bytesRow('bytes written, by the record', changes, [recordedBytes]),
    bytesRow('bytes written, by the device', changes, deviceBytes),
  ];
}

/** Backups of the image as it is now, onto a warm parent; each is taken back before the next. */
async function backupsAgainstDd({ scratch, image, rounds, repository }) {
  const recordedBytes = await andBack(repository, async () => {
    await run(backupCommand(repository));
    await requireEqual(repository, image);
    return newestBytesWritten(repository);
  });
  await warm(newestImage(repository));
  const pairs = await interleave(rounds, {
    peer: () => measure(scratch, ['dd', `if=${image}`, 'of=/dev/null', 'bs=1M']),
    backy: () => andBack(repository, () => measure(scratch, backupCommand(repository))),
  });
  return { pairs, recordedBytes };
}

/**
 * The same three with the configuration that `init` writes: the image is cloned into a snapshot, and only what changed
 * since the last one is read. Source and repository are on one filesystem, so that nothing is copied either.
 */
async function asInitialised({ scratch, image, sizeBytes, dataBytes, rounds, repository }) {
  const copy = join(scratch.directory, 'copy');
  const dd = () => measure(scratch, ['dd', `if=${image}`, 'of=/dev/null', 'bs=1M']);
  const prepare = async () => {
    rmSync(copy, { force: true });
    await freshRepository(repository, image);
    await touchMemory(dataBytes * 1.5);
    await warm(image);
  };
  const first = await interleave(rounds, {
    async peer() {
      await prepare();
      return measure(scratch, ['sh', '-c', COPY_SCRIPT, 'sh', image, copy]);
    },
    async backy() {
      await prepare();
      return measure(scratch, backupCommand(repository));
    },
  });
  rmSync(copy, { force: true });
  const same = await interleave(rounds, {
    peer: dd,
    backy: () => measure(scratch, backupCommand(repository)),
  });
  const changed = await interleave(rounds, {
    peer: dd,
    async backy() {
      await changeAsGuest({ image, sizeBytes, share: 0.01 });
      return measure(scratch, backupCommand(repository));
    },
  });
  await requireEqual(repository, image);
  return [
    timeRow('first backup, from a snapshot', COPY, 1.3, first),
    timeRow('nothing changed, from a snapshot', DD, 1.0, same),
    timeRow('1 % changed, from a snapshot', DD, 1.6, changed),
  ];
}

async function startup({ scratch, rounds }) {
  const pairs = await interleave(Math.max(rounds, STARTUP_ROUNDS), {
    peer: () => measure(scratch, [process.execPath, '-e', '0']),
    backy: () => measure(scratch, backy('--version')),
  });
  return [timeRow('`backy --version`', '`node -e 0`', 1.3, pairs)];
}

/** The same data in a file a thousand times as large. */
async function hugeBackup({ scratch, image }) {
  const huge = join(scratch.directory, 'huge.img');
  const repository = join(scratch.directory, 'huge-repository');
  await run(['cp', '--reflink=always', image, huge]);
  await run(['truncate', `--size=${HUGE_BYTES}`, huge]);
  await freshLiveRepository(repository, huge);
  const costs = [];
  for (const command of [
    backupCommand(repository),
    backupCommand(repository),
    backy('-b', repository, 'verify'),
  ]) {
    costs.push(await measure(scratch, command));
  }
  rmSync(repository, { recursive: true });
  rmSync(huge);
  return costs;
}
