import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { DRY_RUN_OPTION, tellEdit } from '../dry-run.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { revisionsOption } from '../revision-option.ts';

interface Options {
  readonly revision: string;
  readonly dryRun?: boolean;
}

export function distrustCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 distrust', 'distrust everything after a disk has failed'],
    ['backy -b /srv/backy/web1 distrust -r 2026-11-01..2026-11-07', 'distrust what was taken within a week'],
  ])
    .summary('mark revisions as not to be relied upon')
    .description(
      'Marks revisions as not to be relied upon, after a disk or a machine misbehaved: they are not cloned, "last" moves away from them, and the next backup compares every byte. "verify" says which of them are good.',
    )
    .addOption(revisionsOption(blank).default('all'))
    .option(...DRY_RUN_OPTION)
    .action(({ revision, dryRun }: Options, command: Command) =>
      run(command, async (session) => {
        const { distrust } = await import('../../operations/records/distrust.ts');
        const result = await distrust(await session.repository(), revision, { dryRun });
        tellEdit(session, result);
        return SUCCESS;
      }),
    );
}
