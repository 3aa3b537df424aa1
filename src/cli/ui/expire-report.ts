import { counted } from '../../domain/counted.ts';
import { formatDuration } from '../../domain/duration.ts';
import type { Alarm, Reason } from '../../domain/retention.ts';
import { KEEP_ALL } from '../../domain/schedule.ts';
import { formatSize } from '../../domain/size.ts';
import type { ExpireResult, ExpireVerdict } from '../../operations/removal/expire.ts';
import type { FreedStats } from '../../operations/removal/freed-space.ts';
import { escapeText } from './escape.ts';
import { formatLocalTime } from './words.ts';

/** The lines of `backy expire`: each revision with its reasons, then the space that is freed. */
export function expireLines({ verdicts, alarm, freed, dryRun }: ExpireResult): readonly string[] {
  const going = verdicts.filter(({ kept }) => !kept).length;
  const verb = dryRun ? 'would go' : 'went to the trash';
  return [
    ...(verdicts.length > 0 ? [...verdicts.map(verdictLine), ''] : []),
    going === 0 ? 'nothing expires' : `${counted(going, 'revision')} ${verb}: ${describeFreed(freed)}`,
    ...(alarm ? [`stopped until it is confirmed with --yes: ${describeAlarm(alarm)}`] : []),
  ];
}

/** The freed space: `24.34 MiB free once the trash is emptied`. */
export function describeFreed({ bytes, estimated, reason }: FreedStats): string {
  const how = estimated ? ` (estimated: ${escapeText(reason ?? 'the filesystem does not say')})` : '';
  return `${formatSize(bytes)} free once the trash is emptied${how}`;
}

function verdictLine({ record, kept, reasons, expiredTags }: ExpireVerdict): string {
  const lost = kept ? expiredTags.map((tag) => `loses ${tag}`) : [];
  const words = [...reasons.map(describeReason), ...lost].join('; ');
  const head = `${formatLocalTime(new Date(record.timestamp))} ${record.uuid}  ${kept ? 'keep' : 'go  '}`;
  return `${head}  ${escapeText(words)}`;
}

function describeReason(reason: Reason): string {
  switch (reason.because) {
    case 'in-schedule':
      return `${reason.tag}: ${reason.rank} of ${reason.keep === KEEP_ALL ? 'all' : reason.keep}`;
    case 'young':
      return `${reason.tag}: younger than ${formatDuration(reason.keep * reason.intervalMs)}`;
    case 'unknown-tag':
      return `the schedule does not have ${reason.tag}`;
    case 'manual':
      return `tagged ${reason.tag}`;
    case 'held':
      return Number.isFinite(reason.untilMs)
        ? `held until ${formatLocalTime(new Date(reason.untilMs))}`
        : 'held';
    case 'in-doubt':
      return 'distrusted: in doubt nothing goes';
    case 'last-good':
      return 'the last good revision';
    case 'expired':
      return `${reason.tag}: ${reason.rank} of ${reason.keep}, and too old`;
    case 'untagged':
      return 'has no tags';
  }
}

function describeAlarm(alarm: Alarm): string {
  return alarm.alarm === 'clock'
    ? `the newest revision is from the future, ${formatLocalTime(new Date(alarm.newestMs))}`
    : `${alarm.removed} of ${counted(alarm.revisions, 'revision')} would go`;
}
