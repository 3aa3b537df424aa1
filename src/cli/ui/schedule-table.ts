import { counted } from '../../domain/counted.ts';
import type { Run, RunNote } from '../../domain/run-note.ts';
import { NOTHING_EVER } from '../../domain/schedule.ts';
import type { ScheduleStatus, TagStatus } from '../../operations/status/schedule-status.ts';
import { wrapLine } from './columns.ts';
import { escapeText } from './escape.ts';
import type { Look } from './look.ts';
import { formatLocalTime, formatTags } from './words.ts';

const TIME_WIDTH = 19;

/** The schedule in `backy status`: a line for each tag, and the last run. */
export function scheduleTable(
  schedule: ScheduleStatus,
  lastRun: RunNote | null,
  look: Look,
): readonly string[] {
  const { tags, problem } = schedule;
  const width = Math.max(0, ...tags.map(({ tag }) => escapeText(formatTags([tag])).length));
  const isUntouched = tags.length > 0 && tags.every(({ lastGood }) => lastGood === null);
  return [
    look.title('== Schedule'),
    ...(problem === undefined ? [] : [`unknown: ${problem}`]),
    ...(problem === undefined && tags.length === 0 ? [NOTHING_EVER] : []),
    ...tags.map((tag) => (tag.overdue ? look.alarm(tagLine(tag, width)) : tagLine(tag, width))),
    ...(isUntouched ? ['never backed up: no good revision has a tag of the schedule'] : []),
    ...(lastRun ? runLines(lastRun) : ['no run is known of']),
  ].flatMap((line) => wrapLine(escapeText(line)));
}

function tagLine({ tag, lastGood, due, dueAt, overdue, overdueAt }: TagStatus, width: number): string {
  return [
    formatTags([tag]).padEnd(width),
    lastGood === null ? 'never'.padEnd('last '.length + TIME_WIDTH) : `last ${local(lastGood)}`,
    due ? `due since ${local(dueAt)}` : `next due ${local(dueAt)}`,
    ...(overdue ? [`overdue since ${local(overdueAt)}`] : []),
  ].join('  ');
}

function runLines({ failures, lastFailure, ...run }: RunNote): readonly string[] {
  const isLast = run.outcome === 'failed';
  return [
    `last run ${describeRun(run)}`,
    ...(lastFailure && !isLast ? [`last failure ${describeRun(lastFailure)}`] : []),
    ...(failures > 0 ? [`${counted(failures, 'run')} failed since one took a revision`] : []),
  ];
}

/** `2026-11-27 03:00:00: failed for daily: BACKY_LOCKED: Another backup …`. */
function describeRun({ started, outcome, tags, slot, code, message }: Run): string {
  const words = outcome === 'running' ? 'not ended: it is running, or was cut off' : OUTCOMES[outcome];
  const purpose = [
    ...(tags.length > 0 ? [` for ${formatTags(tags)}`] : []),
    ...(slot === null ? [] : [` in the slot of ${local(slot)}`]),
  ].join('');
  const reason = [code, message].filter((text) => text !== null).join(': ');
  return `${local(started)}: ${words}${purpose}${reason === '' ? '' : `: ${reason}`}`;
}

const OUTCOMES = {
  ok: 'ok',
  failed: 'failed',
  'nothing-due': 'nothing was due',
  cancelled: 'cancelled',
} as const;

function local(time: string): string {
  return formatLocalTime(new Date(time));
}
