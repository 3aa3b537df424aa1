import type { BadBlock } from '../../domain/bad-blocks.ts';
import { counted } from '../../domain/counted.ts';
import { formatSize } from '../../domain/size.ts';
import type { Verdict } from '../../operations/verify/record-verdict.ts';
import type { VerifyResult } from '../../operations/verify/verify.ts';
import { escapeText } from './escape.ts';

/** The lines of `backy verify`: one for each revision, followed by its problems. */
export function verifyLines({ verdicts, damaged, remaining }: VerifyResult): readonly string[] {
  return [
    ...verdicts.flatMap((verdict) => [
      verdictLine(verdict),
      ...blockLines(verdict),
      ...repairLines(verdict),
      ...recordLines(verdict),
    ]),
    ...damaged.map(({ uuid, reason }) => `${uuid} damaged  ${escapeText(reason)}`),
    ...(remaining > 0 ? [`${counted(remaining, 'revision')} left for another run`] : []),
  ];
}

function verdictLine({ uuid, verdict, size, badCount, problem }: Verdict): string {
  const blocks = counted(badCount, 'bad block');
  const remark = problem === null ? (badCount > 0 ? `  ${blocks}` : '') : `  ${escapeText(problem)}`;
  return `${uuid} ${verdict.padEnd(7)} ${formatSize(size).padStart(12)}${remark}`;
}

function blockLines({ uuid, badCount, badBlocks, report }: Verdict): readonly string[] {
  const others = badCount - badBlocks.length;
  return [
    ...badBlocks.map((block) => `${uuid} ${blockFacts(block)}`),
    ...(others > 0 ? [`${uuid} and ${counted(others, 'more bad block')}`] : []),
    ...(report === null ? [] : [`${uuid} all of them in ${escapeText(report)}`]),
  ];
}

/** The revisions that share the damage, and the result of the repair. */
function repairLines({ uuid, sharers, repair }: Verdict): readonly string[] {
  const shared = sharers.map((other) => `${uuid} shares bad blocks with ${other.uuid}`);
  if (repair === null) return shared;
  const all = [{ uuid, ...repair }, ...repair.sharers];
  return [
    ...shared,
    ...all.flatMap(({ uuid: owner, healed, left }) => [
      ...healed.map(
        ({ offset, from }) => `${owner} offset=${offset} healed from ${escapeText(from ?? 'zeros')}`,
      ),
      ...left.map(
        ({ offset, reason }) => `${owner} offset=${offset} cannot be healed: ${escapeText(reason)}`,
      ),
    ]),
    ...(repair.report === null ? [] : [`${uuid} all of this in ${escapeText(repair.report)}`]),
  ];
}

function recordLines({ uuid, alteredRecord }: Verdict): readonly string[] {
  if (alteredRecord === null) return [];
  const { path, problem, accepted } = alteredRecord;
  const advice = accepted
    ? 'it was accepted as it is'
    : `look at it, and if it is right, accept it with "backy verify --accept-records -r ${uuid}"`;
  return [`${uuid} altered record ${escapeText(path)}: ${escapeText(problem)}; ${advice}`];
}

function blockFacts({ offset, length, expected, found, error }: BadBlock): string {
  return `offset=${offset} length=${length} expected=${expected} found=${found ?? error ?? 'nothing'}`;
}
