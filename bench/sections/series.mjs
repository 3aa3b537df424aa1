/** Verifying many revisions that share most of their blocks, next to hashing every image, and to hashing each byte once. */
import { join } from 'node:path';
import { changeAsGuest } from '../guest.mjs';
import { cool, interleave, measure } from '../measure.mjs';
import { BTRFS, XFS } from '../places.mjs';
import { backUp, backy, freshLiveRepository, imagesOf } from '../repository.mjs';
import { timeRow } from '../row.mjs';
import { table } from '../table.mjs';

export const title = 'Verifying many revisions';
export const about = `25 revisions of one image; 1 % changes between two of them. The caches of all images are dropped before each run. *Each
byte once* is \`b3sum\` of the oldest image, times what all revisions occupy over what that one occupies.`;
export const places = [XFS, BTRFS];

const REVISIONS = 25;
const SHARE = 0.01;

/** @param {import('../main.mjs').Bench} bench */
export async function figures({ scratch, image, sizeBytes, dataBytes, rounds, repository, announce }) {
  const source = join(scratch.outside, 'source.img');
  await scratch.copy(image, source);
  await freshLiveRepository(repository, source);
  const emptyBytes = await scratch.usedBytes();
  for (let number = 1; number <= REVISIONS; number += 1) {
    if (number % 5 === 0) announce(`revision ${number}`);
    if (number > 1) await changeAsGuest({ image: source, sizeBytes, share: SHARE, day: number });
    await backUp(repository, source);
  }
  const uniqueBytes = (await scratch.usedBytes()) - emptyBytes;
  const images = imagesOf(repository);
  const cold = (argv) => async () => {
    await cool(...images);
    return measure(scratch, argv);
  };
  const verify = cold(backy('-b', repository, 'verify'));
  const all = await interleave(rounds, { peer: cold(['b3sum', ...images]), backy: verify });
  const once = await interleave(rounds, { peer: cold(['b3sum', images[0]]), backy: verify });
  const scaled = once.map((pair) => ({
    ...pair,
    peer: { ...pair.peer, wallS: (pair.peer.wallS * uniqueBytes) / dataBytes },
  }));
  const name = `verify ${REVISIONS} revisions`;
  return table([
    timeRow(name, `\`b3sum\` of all ${REVISIONS} images`, undefined, all),
    timeRow(name, 'each byte once', 1.3, scaled),
  ]);
}
