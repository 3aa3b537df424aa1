import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { DRY_RUN_OPTION } from '../dry-run.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { expireLines } from '../ui/expire-report.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function expireCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 expire -n', 'explain for each revision why it is kept or removed'],
    ['backy -b /srv/backy/web1 expire', 'move revisions that the schedule no longer keeps to the trash'],
  ])
    .summary('remove the revisions that the schedule no longer keeps')
    .description(
      'Removes expired tags, moves revisions that nothing keeps to the trash, and explains the decision for each revision. Every backup does the same. Stops if the clock or the plan is implausible.',
    )
    .option(...DRY_RUN_OPTION)
    .option('--yes', 'carry out an implausible plan')
    .action(({ dryRun, yes }: Options, command: Command) =>
      run(command, async (session) => {
        const { expire } = await import('../../operations/removal/expire.ts');
        const result = await expire(await session.repository(), { dryRun, confirmed: yes });
        session.show(result, () => expireLines(result));
        return SUCCESS;
      }),
    );
}
