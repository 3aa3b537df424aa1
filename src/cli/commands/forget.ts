import type { Command } from 'commander';
import { counted } from '../../domain/counted.ts';
import { formatDuration } from '../../domain/duration.ts';
import type { ForgetResult } from '../../operations/removal/forget.ts';
import type { Run } from '../command.ts';
import { DRY_RUN_OPTION, tellOutcome } from '../dry-run.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { revisionsOption } from '../revision-option.ts';
import { describeFreed } from '../ui/expire-report.ts';

interface Options {
  readonly revision: string;
  readonly dryRun?: boolean;
  readonly yesTheLast?: boolean;
}

export function forgetCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 forget -r 3 -n', 'show what removing the fourth newest revision would free'],
    [
      "backy -b /srv/backy/web1 forget -r 'tag:manual:before-upgrade'",
      'remove the newest revision with this tag',
    ],
  ])
    .summary('remove revisions')
    .description(
      'Moves revisions to the trash, regardless of their tags. Refuses held revisions and the last good one. Name a damaged revision, or an image without a record, by its whole id.',
    )
    .addOption(revisionsOption(blank).makeOptionMandatory())
    .option(...DRY_RUN_OPTION)
    .option('--yes-the-last', 'remove even the last good revision')
    .action(({ revision, dryRun, yesTheLast }: Options, command: Command) =>
      run(command, async (session) => {
        const { forget } = await import('../../operations/removal/forget.ts');
        const options = { revisions: revision, dryRun, evenTheLast: yesTheLast };
        const result = await forget(await session.repository(), options);
        tellOutcome(session, result, () => [...result.removed, ...forgetLines(result)]);
        return SUCCESS;
      }),
    );
}

function forgetLines({ removed, dryRun, graceMs, freed }: ForgetResult): readonly string[] {
  const count = counted(removed.length, 'revision');
  const frees = describeFreed(freed);
  if (dryRun) return [`${count} would go: ${frees}`];
  if (graceMs === 0) return [`${count} removed for good`];
  return [
    `${count} moved to the trash: ${frees}; "backy undelete" brings back what it holds for ${formatDuration(graceMs)}`,
  ];
}
