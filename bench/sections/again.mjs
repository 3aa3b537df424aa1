/** Backups after the first: of an image that did not change, and of one that did. */
import { DD, ddCommand } from '../against.mjs';
import { compareImages } from '../changed-pages.mjs';
import { changeAsGuest } from '../guest.mjs';
import { interleave, measure, warm } from '../measure.mjs';
import { XFS } from '../places.mjs';
import {
  andBack,
  backUp,
  backupCommand,
  freshLiveRepository,
  newestBytesWritten,
  newestImage,
} from '../repository.mjs';
import { bytesRow, timeRow } from '../row.mjs';
import { table } from '../table.mjs';

export const title = 'Later backups';
export const about = `Live: all data are read and hashed. After every backup the new revision is removed, so that each starts from the same
parent. The image that changed is another one, in a repository of its own.`;
export const places = [XFS];

/** @param {import('../main.mjs').Bench} bench */
export async function figures(bench) {
  const { scratch, image, rounds, repository } = bench;
  const changed = await changedImage(bench);
  const before = newestImage(changed.repository);
  const changes = compareImages(before, changed.image);
  await freshLiveRepository(repository, image);
  await backUp(repository, image);
  const recordedBytes = await andBack(changed.repository, async () => {
    await backUp(changed.repository, changed.image);
    return newestBytesWritten(changed.repository);
  });
  for (const file of [image, changed.image, newestImage(repository), before]) await warm(file);
  const backup = (of) => () => andBack(of, () => measure(scratch, backupCommand(of)));
  const costs = await interleave(rounds, {
    dd: () => measure(scratch, ddCommand(image)),
    same: backup(repository),
    changed: backup(changed.repository),
  });
  const pairs = (backy, peer) => costs.map((round) => ({ backy: round[backy], peer: round[peer] }));
  const deviceBytes = costs.map((round) => round.changed.deviceBytes);
  return table([
    timeRow('nothing changed', DD, 0.8, pairs('same', 'dd')),
    timeRow('1 % changed', 'nothing changed', 1.35, pairs('changed', 'same')),
    bytesRow('bytes written, by the record', changes, 1.35, [recordedBytes]),
    bytesRow('bytes written, by the device', changes, 1.35, deviceBytes),
  ]);
}

/** A copy of the image that was backed up, and then changed. */
async function changedImage({ scratch, image: original, sizeBytes }) {
  const image = scratch.path('changed.img');
  await scratch.copy(original, image);
  const repository = scratch.path('changed');
  await freshLiveRepository(repository, image);
  await backUp(repository, image);
  await changeAsGuest({ image, sizeBytes, share: 0.01 });
  return { image, repository };
}
