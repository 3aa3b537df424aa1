/** Restoring: to a new file, onto what the image has drifted from, and by reflink. */
import { rmSync } from 'node:fs';
import { COPY, copyAndReadCommand, copyCommand } from '../against.mjs';
import { compareImages } from '../changed-pages.mjs';
import { run } from '../command.mjs';
import { countExtents } from '../extents.mjs';
import { changeAsGuest } from '../guest.mjs';
import { interleave, measure, touchMemory, warm } from '../measure.mjs';
import { XFS } from '../places.mjs';
import {
  andBack,
  backUp,
  backupCommand,
  backy,
  freshLiveRepository,
  newestImage,
  requireEqual,
} from '../repository.mjs';
import { timeRow } from '../row.mjs';
import { table } from '../table.mjs';

export const title = 'Restore';
export const about = `Every block is checked against the index on the way, and what was written is read back from the disk, past the cache, as
after a backup. Onto a file that is there, only what differs is written, and onto one
that differs nearly everywhere, all of it in one pass: what that may
take is what a backup takes when nothing changed, and the time of writing at 500 MiB/s. \`--clone\` shares the blocks of
the revision and may take 50 ms and 15 µs for each extent above the start of Node.`;
export const places = [XFS];

const WRITE_BYTES_PER_S = 500 * 2 ** 20;
const CLONE_S = 0.05;
const CLONE_S_PER_EXTENT = 15e-6;

/** @param {import('../main.mjs').Bench} bench */
export async function figures(bench) {
  await freshLiveRepository(bench.repository, bench.image);
  await backUp(bench.repository, bench.image);
  const rows = [];
  for (const step of [toNewFile, ontoOther, ontoDrifted, byReflink]) {
    bench.announce(step.name);
    rows.push(...(await step(bench)));
  }
  return table(rows);
}

async function toNewFile({ scratch, image, dataBytes, rounds, repository }) {
  const revision = newestImage(repository);
  const target = scratch.path('restored');
  const prepared = (argv) => async () => {
    rmSync(target, { force: true });
    await touchMemory(dataBytes * 1.5);
    await warm(revision);
    return measure(scratch, argv);
  };
  const costs = await interleave(rounds, {
    copy: prepared(copyCommand(revision, target)),
    copyAndRead: prepared(copyAndReadCommand(revision, target)),
    backy: prepared(restoreCommand(repository, target)),
  });
  await requireEqual(image, target);
  rmSync(target);
  const next = (peer) => costs.map((round) => ({ backy: round.backy, peer: round[peer] }));
  return [
    timeRow('to a new file', COPY, 1.15, next('copy')),
    timeRow(
      'to a new file',
      'the same, and reading the copy back from the disk',
      undefined,
      next('copyAndRead'),
    ),
  ];
}

/** Onto a file in which every page has other bytes. */
async function ontoOther({ scratch, dataBytes, image, sizeBytes, rounds, repository }) {
  const revision = newestImage(repository);
  const target = scratch.path('other');
  const prepared = (argv) => async () => {
    rmSync(target, { force: true });
    await run(['sh', '-c', `head -c ${sizeBytes} /dev/zero | tr '\\0' x > "$1" && sync "$1"`, 'sh', target]);
    await touchMemory(dataBytes * 1.5);
    await warm(revision);
    return measure(scratch, argv);
  };
  const pairs = await interleave(Math.min(rounds, 3), {
    peer: prepared([
      'sh',
      '-c',
      'dd if="$1" of="$2" bs=4M conv=notrunc,fsync status=none && dd if="$2" of=/dev/null bs=4M iflag=direct status=none',
      'sh',
      revision,
      target,
    ]),
    backy: prepared(restoreCommand(repository, target)),
  });
  await requireEqual(image, target);
  rmSync(target);
  const against = '`dd conv=notrunc,fsync`, and reading it back from the disk';
  return [timeRow('onto a target with other bytes everywhere', against, 1.25, pairs)];
}

async function ontoDrifted({ scratch, image, sizeBytes, rounds, repository }) {
  const drifted = scratch.path('drifted');
  const target = scratch.path('target');
  await scratch.copy(image, drifted);
  await changeAsGuest({ image: drifted, sizeBytes, share: 0.01 });
  const { changedBytes } = compareImages(image, drifted);
  await warm(newestImage(repository));
  const pairs = await interleave(rounds, {
    peer: () => andBack(repository, () => measure(scratch, backupCommand(repository))),
    async backy() {
      await scratch.copy(drifted, target);
      await warm(target);
      return measure(scratch, restoreCommand(repository, target));
    },
  });
  await requireEqual(image, target);
  rmSync(drifted);
  rmSync(target);
  const writing = changedBytes / WRITE_BYTES_PER_S;
  const row = timeRow('onto a target that drifted by 1 %', 'nothing changed', 1.2, pairs);
  return [{ ...row, figures: pairs.map(({ backy, peer }) => (backy.wallS - writing) / peer.wallS) }];
}

async function byReflink({ scratch, image, rounds, repository }) {
  const target = scratch.path('clone');
  const extents = await countExtents(newestImage(repository));
  const pairs = await interleave(rounds, {
    peer: () => measure(scratch, [process.execPath, '-e', '0']),
    backy() {
      rmSync(target, { force: true });
      return measure(scratch, restoreCommand(repository, target, '--clone'));
    },
  });
  await requireEqual(image, target);
  rmSync(target);
  const limitS = CLONE_S + extents * CLONE_S_PER_EXTENT;
  const row = timeRow('`--clone`', `that limit, for ${extents} extents; the peer is \`node -e 0\``, 1, pairs);
  return [{ ...row, figures: pairs.map(({ backy, peer }) => (backy.wallS - peer.wallS) / limitS) }];
}

function restoreCommand(repository, target, ...flags) {
  return backy('-b', repository, 'restore', ...flags, target);
}
