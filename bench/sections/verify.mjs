/** Verifying a revision, next to hashing its image with another program. */
import { interleave, measure, warm } from '../measure.mjs';
import { XFS } from '../places.mjs';
import { backUp, backy, freshLiveRepository, newestImage } from '../repository.mjs';
import { timeRow } from '../row.mjs';
import { table } from '../table.mjs';

export const title = 'Verify';
export const about = `Both use BLAKE3 on all processors. \`b3sum\` maps the file and hashes its holes, too; backy knows the hash of a block of zeros.`;
export const places = [XFS];

/** @param {import('../main.mjs').Bench} bench */
export async function figures({ scratch, image, rounds, repository }) {
  await freshLiveRepository(repository, image);
  await backUp(repository, image);
  const revision = newestImage(repository);
  await warm(revision);
  const pairs = await interleave(rounds, {
    peer: () => measure(scratch, ['b3sum', revision]),
    backy: () => measure(scratch, backy('-b', repository, 'verify', '-r', 'last')),
  });
  return table([timeRow('verify', '`b3sum REVISION`', 0.6, pairs)]);
}
