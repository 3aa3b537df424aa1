import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { FAILURE, SUCCESS } from '../exit-code.ts';
import type { Session } from '../session.ts';
import { statusLines } from '../ui/status-table.ts';

interface Options {
  readonly all?: boolean;
}

export function statusCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 status', 'list the revisions of one repository'],
    ['backy -b /srv/backy status --all', 'show all repositories below /srv/backy'],
  ])
    .summary('list the revisions')
    .description(
      'Lists the revisions, oldest first: date, id, size of the data written, seconds, tags and trust. With -v, also shows the method of reading, the sharing of blocks and the last verification. Damaged revisions and the trash follow, then the state of each tag of the schedule and the outcome of the last run. Remarks that all revisions share are in the summary. The exit code is 1 if a revision is damaged, unreadable or without a record; with --all also if a configuration is not valid.',
    )
    .option('--all', 'show an overview of all repositories directly below the directory of -b')
    .action(({ all }: Options, command: Command) =>
      run(command, async (session) => {
        if (all) return showAll(session);
        const { status } = await import('../../operations/status/status.ts');
        const result = await status(await session.repository());
        session.show(result, (look) => statusLines(result, look));
        const { damaged, unrecorded } = result.summary;
        const isAllRight = damaged + unrecorded === 0 && result.unreadable.length === 0;
        return isAllRight ? SUCCESS : FAILURE;
      }),
    );
}

async function showAll(session: Session): Promise<number> {
  const { statusOfAll } = await import('../../operations/status/status-all.ts');
  const { fleetLines } = await import('../ui/fleet-table.ts');
  const result = await statusOfAll(session.directory().layout.directory);
  session.show(result, (look) => fleetLines(result, look));
  const { damaged, unrecorded, unreadable, misconfigured } = result.summary;
  return damaged + unrecorded + unreadable + misconfigured > 0 ? FAILURE : SUCCESS;
}
