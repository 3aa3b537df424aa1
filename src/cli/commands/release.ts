import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { revisionsOption } from '../revision-option.ts';
import { revisionLine } from '../ui/revision-line.ts';

interface Options {
  readonly revision: string;
}

export function releaseCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 release', 'end the hold of the newest good revision'],
    ['backy -b /srv/backy/web1 release -r all', 'end all holds'],
  ])
    .summary('end the hold of revisions')
    .description('Ends the hold of revisions: schedule and "forget" may remove them again.')
    .addOption(revisionsOption(blank).default('last'))
    .action(({ revision }: Options, command: Command) =>
      run(command, async (session) => {
        const { release } = await import('../../operations/records/hold.ts');
        const result = await release(await session.repository(), revision);
        session.announce(result, () => result.revisions.map(revisionLine));
        return SUCCESS;
      }),
    );
}
