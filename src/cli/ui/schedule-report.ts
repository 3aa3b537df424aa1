import { counted } from '../../domain/counted.ts';
import { formatDuration } from '../../domain/duration.ts';
import { NOTHING_EVER } from '../../domain/schedule.ts';
import { formatSize } from '../../domain/size.ts';
import type { SimulateResult } from '../../operations/status/simulate.ts';
import { formatLocalTime, formatTags } from './words.ts';

/** The lines of `backy schedule`: every backup, then what is left of them. */
export function scheduleLines(result: SimulateResult): readonly string[] {
  const { backups, kept, largestGap, predictedBytes, end, tags } = result;
  return [
    '== Backups',
    ...backups.map(({ at, tags }) => `${local(at)}  ${formatTags(tags)}`),
    '',
    `== Kept on ${local(end)}`,
    ...kept.map(
      ({ takenAt, tags, uuid }) => `${local(takenAt)}  ${formatTags(tags)}${uuid ? `  ${uuid}` : ''}`,
    ),
    '',
    '== Summary',
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
