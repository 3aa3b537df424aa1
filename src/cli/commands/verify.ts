import type { Command } from 'commander';
import { DURATION_EXPECTED, parseDuration } from '../../domain/duration.ts';
import { parseSize, SIZE_EXPECTED } from '../../domain/size.ts';
import { backyError } from '../../errors.ts';
import type { VerifyOptions } from '../../operations/verify/verify.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { FAILURE, SUCCESS } from '../exit-code.ts';
import { IDLE_OPTION, type LoadFlags, loadOf, RATE_OPTION } from '../load-options.ts';
import { revisionsOption } from '../revision-option.ts';
import type { Session } from '../session.ts';
import { verifyLines } from '../ui/verify-report.ts';

interface Options extends LoadFlags {
  readonly acceptRecords?: boolean;
  readonly limit?: string;
  readonly newestFirst?: boolean;
  readonly olderThan?: string;
  readonly repair?: boolean;
  readonly revision?: string;
}

export function verifyCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 verify', 'check every revision'],
    ['backy -b /srv/backy/web1 verify -r 0 --repair', 'check the newest revision and heal its bad blocks'],
  ])
    .summary('check images against their indexes')
    .description(
      'Reads whole images, compares every block with the index and names each bad one. Good revisions become verified, bad ones distrusted. With --repair, restores bad blocks from the source or from another revision that has an intact copy, and keeps the bad data. Also names records that were edited or damaged; --accept-records accepts them. The exit code is 1 if anything is bad.',
    )
    .addOption(revisionsOption(blank, ' (default: all, including damaged ones)'))
    .option('--older-than <DURATION>', 'skip revisions that were verified within this time, such as 30d')
    .option(
      '--limit <SIZE|DURATION>',
      'start no further revision after reading this much or for this long, such as 500GiB or 2h; begins with the least recently verified revision',
    )
    .option('--newest-first', 'verify the newest revision first')
    .option('--repair', 'repair bad blocks if an intact copy exists')
    .option('--accept-records', 'accept edited records by giving them a new checksum')
    .option(...RATE_OPTION)
    .option(...IDLE_OPTION)
    .action((options: Options, command: Command) => run(command, (session) => verifyAll(session, options)));
}

async function verifyAll(
  session: Session,
  { revision, repair, acceptRecords, newestFirst, olderThan, limit, ...flags }: Options,
): Promise<number> {
  const { verify } = await import('../../operations/verify/verify.ts');
  const load = loadOf(flags);
  const slice = sliceOf(olderThan, limit);
  const context = await session.repository();
  const request = { revisions: revision, newestFirst, ...slice, repair, acceptRecords, ...load };
  const result = await session.withProgress('verify', (onProgress) =>
    verify(context, { ...request, signal: session.signal, onProgress }),
  );
  session.show(result, () => verifyLines(result));
  return result.good ? SUCCESS : FAILURE;
}

/** Reads the options that choose a part of the revisions. @throws BACKY_USAGE */
function sliceOf(
  olderThan: string | undefined,
  limit: string | undefined,
): Pick<VerifyOptions, 'olderThan' | 'sizeLimit' | 'timeLimit'> {
  const age = olderThan === undefined ? undefined : parseDuration(olderThan);
  if (olderThan !== undefined && age === undefined)
    throw backyError('BACKY_USAGE', {
      problem: `"${olderThan}" is no duration`,
      advice: `Give ${DURATION_EXPECTED}`,
    });
  if (limit === undefined) return { olderThan: age };
  const [sizeLimit, timeLimit] = [parseSize(limit), parseDuration(limit)];
  if (sizeLimit === undefined && timeLimit === undefined)
    throw backyError('BACKY_USAGE', {
      problem: `"${limit}" is no limit`,
      advice: `Give ${SIZE_EXPECTED}, or ${DURATION_EXPECTED}`,
    });
  return { olderThan: age, ...(sizeLimit === undefined ? { timeLimit } : { sizeLimit }) };
}
