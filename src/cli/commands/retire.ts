import type { Command } from 'commander';
import { counted } from '../../domain/counted.ts';
import type { RetireResult } from '../../operations/removal/retire.ts';
import type { Run } from '../command.ts';
import { DRY_RUN_OPTION, tellOutcome } from '../dry-run.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';

interface Options {
  readonly dryRun?: boolean;
}

export function retireCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 retire -n', 'list the snapshots that this repository left at its source'],
    ['backy -b /srv/backy/web1 retire', 'remove them before you give the repository up'],
  ])
    .summary('give up the repository: remove its snapshots from the source')
    .description(
      'Removes all snapshots that the repository has left at its source, even if the source was renamed, replaced or removed. Keeps everything in the repository; the images stay as plain files. Stop scheduled backups first. A later backup still works, and reads everything.',
    )
    .option(...DRY_RUN_OPTION)
    .action(({ dryRun }: Options, command: Command) =>
      run(command, async (session) => {
        const { retire } = await import('../../operations/removal/retire.ts');
        const repository = await session.repository();
        const result = await retire(repository, { dryRun });
        tellOutcome(session, result, () => [
          ...result.removed,
          lastLine(result, repository.layout.directory),
        ]);
        return SUCCESS;
      }),
    );
}

function lastLine({ removed, revisions, dryRun }: RetireResult, directory: string): string {
  const what = counted(removed.length, 'snapshot');
  const images = `${counted(revisions, 'revision')} ${revisions === 1 ? 'stays' : 'stay'}`;
  return `${what} ${dryRun ? 'would be removed' : 'removed'}; ${images} in ${directory} as plain images`;
}
