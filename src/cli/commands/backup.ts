import type { Command } from 'commander';
import { splitTags } from '../../domain/tags.ts';
import { parseTimeSpan } from '../../domain/time-span.ts';
import { backyError } from '../../errors.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { IDLE_OPTION, type LoadFlags, loadOf, RATE_OPTION } from '../load-options.ts';
import type { Session } from '../session.ts';
import { revisionLine } from '../ui/revision-line.ts';

interface Options extends LoadFlags {
  readonly force?: boolean;
  readonly slot?: string;
}

export function backupCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 backup', 'take the revisions that are due; run this from cron'],
    [
      'backy -b /srv/backy/web1 backup manual:before-upgrade --rate 50MiB',
      'take a revision now, and leave disk bandwidth to others',
    ],
  ])
    .summary('take a new revision')
    .description(
      'Takes a new revision for all tags that are due according to the schedule. Does nothing if no tag is due. With TAGS, takes a revision now. Also purges the leftovers of interrupted runs.',
    )
    .argument('[TAGS]', 'comma-separated tags of the schedule, or tags with the prefix "manual:"')
    .option(
      '--slot <TIME>',
      'back up for the slot of the schedule that contains this time, such as 2026-01-31T03:00Z; takes the tags (by default all) that no good revision of the slot has yet',
    )
    .option('-f, --force', 'accept any tag, a mounted source, and a source with an unfinished restore')
    .option(...RATE_OPTION)
    .option(...IDLE_OPTION)
    .option('--no-idle', 'run at normal priority, even if the configuration says otherwise')
    .action((tags: string | undefined, options: Options, command: Command) =>
      run(command, (session) => backUp(session, tags, options)),
    );
}

async function backUp(
  session: Session,
  tags: string | undefined,
  { force, slot, ...flags }: Options,
): Promise<number> {
  const { backup } = await import('../../operations/backup/backup.ts');
  const load = loadOf(flags);
  const context = await session.repository();
  const request = {
    tags: tags === undefined ? undefined : splitTags(tags),
    slot: slot === undefined ? undefined : timeOf(slot),
    force,
  };
  const result = await session.withProgress('backup', (onProgress) =>
    backup(context, { ...request, ...load, signal: session.signal, onProgress }),
  );
  session.announce({ record: result?.record ?? null }, () => (result ? [revisionLine(result.record)] : []));
  return SUCCESS;
}

function timeOf(text: string): Date {
  const span = parseTimeSpan(text);
  if (span) return new Date(span.fromMs);
  throw backyError('BACKY_USAGE', {
    problem: `"${text}" is not a time`,
    advice:
      'Give a time such as 2026-01-31T03:00:00Z, or 2026-01-31T03:00 as the clock of this machine shows it',
  });
}
