/** Backups as `init` configures them, of a file whose filesystem knows what changed. */
import { COPY, copyCommand, DD, ddCommand, firstBackups } from '../against.mjs';
import { changeAsGuest } from '../guest.mjs';
import { interleave, measure } from '../measure.mjs';
import { XFS } from '../places.mjs';
import { backupCommand, freshRepository, newestImage, requireEqual } from '../repository.mjs';
import { timeRow } from '../row.mjs';
import { table } from '../table.mjs';

export const title = 'From a snapshot';
export const about = `As \`init\` configures it: a file on a filesystem with reflinks is cloned first, and what did not move on the disk since
the last snapshot is not read, but for a sample. Source and repository are on one filesystem, so that nothing is copied
either. The image changes by 1 % before each backup of the last row.`;
export const places = [XFS];

/** @param {import('../main.mjs').Bench} bench */
export async function figures(bench) {
  const { scratch, sizeBytes, rounds, repository } = bench;
  const image = scratch.path('changing.img');
  await scratch.copy(bench.image, image);
  const first = await firstBackups({ ...bench, image }, freshRepository, { peer: copyCommand });
  const dd = () => measure(scratch, ddCommand(image));
  const backy = () => measure(scratch, backupCommand(repository));
  const same = await interleave(rounds, { peer: dd, backy });
  let day = 0;
  const changed = await interleave(rounds, {
    peer: dd,
    async backy() {
      day += 1;
      await changeAsGuest({ image, sizeBytes, share: 0.01, day });
      return backy();
    },
  });
  await requireEqual(image, newestImage(repository));
  return table([
    timeRow('first backup', COPY, 1.15, first),
    timeRow('nothing changed', DD, 0.8, same),
    timeRow('1 % changed', DD, 1.6, changed),
  ]);
}
