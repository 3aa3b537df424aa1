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
    ['backy -b /srv/backy/web1 distrust -r 2026-11-01..2026-11-07', 'distrust the revisions of one week'],
  ])
    .summary('mark revisions as unreliable')
    .description(
      'Marks revisions as unreliable after a disk or a machine has misbehaved. They are not cloned, "last" no longer points to them, and the next backup compares every byte. Use "verify" to find the good ones.',
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
