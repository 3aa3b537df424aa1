import type { Command } from 'commander';
import { LATEST_MS, parseTimeSpan } from '../../domain/time-span.ts';
import { backyError } from '../../errors.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { revisionsOption } from '../revision-option.ts';
import { revisionLine } from '../ui/revision-line.ts';

interface Options {
  readonly revision: string;
  readonly until?: string;
}

export function holdCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    [
      "backy -b /srv/backy/web1 hold 'audit of 2026' --until 2027-01-31",
      'keep the newest good revision until a day',
    ],
    [
      "backy -b /srv/backy/web1 hold 'evidence' -r 0,1",
      'keep the two newest revisions until they are released',
    ],
  ])
    .summary('protect revisions from removal')
    .description('Protects revisions from removal, by the schedule or by hand, until they are released.')
    .argument('<REASON>', 'why, for people to read in "backy status"')
    .addOption(revisionsOption(blank).default('last'))
    .option('--until <DATE>', 'when the hold ends by itself, such as 2027-01-31 or 2027-01-31T12:00')
    .action((reason: string, { revision, until }: Options, command: Command) =>
      run(command, async (session) => {
        const { hold } = await import('../../operations/records/hold.ts');
        const end = until === undefined ? undefined : timeOf(until);
        const result = await hold(await session.repository(), { reason, revisions: revision, until: end });
        session.announce(result, () => result.revisions.map(revisionLine));
        return SUCCESS;
      }),
    );
}

/** The last moment of the day or minute that a text names. */
function timeOf(text: string): Date {
  const span = parseTimeSpan(text);
  if (span) return new Date(Math.min(span.toMs, LATEST_MS));
  throw backyError('BACKY_HOLD_INVALID', { problem: `"${text}" is not a date` });
}
