/** The first backup, next to a plain copy. */
import { COPY, copyAndReadCommand, copyCommand, firstBackups } from '../against.mjs';
import { BTRFS, XFS, XFS_CACHED } from '../places.mjs';
import { freshLiveRepository, newestImage, requireEqual } from '../repository.mjs';
import { timeRow } from '../row.mjs';
import { table } from '../table.mjs';

export const title = 'First backup';
export const about = `Live. Hashing, the index and reading back are included: before it seals a revision, backy reads what it wrote
from the disk, past the cache. Where the disk reads no faster than it writes, that alone doubles the time; the second
row has a peer that does the same. Later backups read back only what changed.`;
export const places = [XFS, BTRFS, XFS_CACHED];

const GOALS = { xfs: 1.15, btrfs: 1.2 };

/** @param {import('../main.mjs').Bench} bench */
export async function figures(bench) {
  const costs = await firstBackups(bench, freshLiveRepository, {
    copy: copyCommand,
    copyAndRead: copyAndReadCommand,
  });
  await requireEqual(bench.image, newestImage(bench.repository));
  const next = (peer) => costs.map((round) => ({ backy: round.backy, peer: round[peer] }));
  const goal = GOALS[bench.scratch.place.filesystem];
  return table([
    timeRow('first backup', COPY, goal, next('copy')),
    timeRow(
      'first backup',
      'the same, and reading the copy back from the disk',
      undefined,
      next('copyAndRead'),
    ),
  ]);
}
