import { counted } from '../../domain/counted.ts';
import { formatDuration } from '../../domain/duration.ts';
import { NOTHING_EVER } from '../../domain/schedule.ts';
import { formatSize } from '../../domain/size.ts';
import type { SimulateResult } from '../../operations/status/simulate.ts';
import { tableLines } from './columns.ts';
import { createLook, type Look } from './look.ts';
import { formatLocalTime, formatTags } from './words.ts';

/** The lines of `backy schedule`: every backup, then the remaining revisions. */
export function scheduleLines(result: SimulateResult, look: Look = createLook()): readonly string[] {
  const { backups, kept, largestGap, predictedBytes, end, tags } = result;
  return [
    look.title('== Backups'),
    ...tableLines(
      [{ title: 'Date' }, { title: 'Tags' }],
      backups.map(({ at, tags }) => ({ cells: [local(at), formatTags(tags)] })),
      look,
    ),
    '',
    look.title(`== Kept on ${local(end)}`),
    ...tableLines(
      [{ title: 'Date' }, { title: 'Tags' }, { title: 'ID' }],
      kept.map(({ takenAt, tags, uuid = '' }) => ({ cells: [local(takenAt), formatTags(tags), uuid] })),
      look,
    ),
    '',
    look.title('== Summary'),
    ...(tags.length === 0 ? [NOTHING_EVER] : []),
    `${counted(backups.length, 'backup')}, ${counted(kept.length, 'revision')} kept`,
    ...(largestGap
      ? [
          `largest gap ${formatDuration(largestGap.seconds * 1000)}, from ${local(largestGap.from)} to ${local(largestGap.to)}`,
        ]
      : []),
    predictedBytes === undefined
      ? 'disk use unknown: there is no revision yet to tell how much changes'
      : `${formatSize(predictedBytes)} data (predicted from what changed so far)`,
  ];
}

function local(time: string): string {
  return formatLocalTime(new Date(time));
}
