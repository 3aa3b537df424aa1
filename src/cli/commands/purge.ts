import type { Command } from 'commander';
import { counted } from '../../domain/counted.ts';
import type { PurgeResult } from '../../operations/removal/purge.ts';
import type { Run } from '../command.ts';
import { DRY_RUN_OPTION, tellOutcome } from '../dry-run.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { foreignLine } from '../ui/status-table.ts';

interface Options {
  readonly dryRun?: boolean;
}

export function purgeCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 purge -n', 'show what would be removed for good'],
    ['backy -b /srv/backy/web1 purge', 'purge the trash now to free space'],
  ])
    .summary('purge the trash and the leftovers of interrupted runs')
    .description(
      'Purges the leftovers of interrupted runs and everything in the trash. Never touches revisions, images without a record, or files that backy did not make. Every backup does the same, but keeps removed revisions in the trash until their grace time ends.',
    )
    .option(...DRY_RUN_OPTION)
    .action(({ dryRun }: Options, command: Command) =>
      run(command, async (session) => {
        const { purge } = await import('../../operations/removal/purge.ts');
        const result = await purge(await session.repository(), { dryRun });
        tellOutcome(session, result, () => [
          ...result.removed,
          ...result.emptied.map((uuid) => `${uuid} from the trash`),
          ...result.foreign.map(foreignLine),
          ...(dryRun ? [planLine(result)] : []),
        ]);
        return SUCCESS;
      }),
    );
}

function planLine({ removed, emptied }: PurgeResult): string {
  return `${counted(removed.length, 'file')} and ${counted(emptied.length, 'revision')} would go for good`;
}
