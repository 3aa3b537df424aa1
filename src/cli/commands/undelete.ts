import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { revisionsOption } from '../revision-option.ts';
import { damagedLine, revisionLine } from '../ui/revision-line.ts';

interface Options {
  readonly revision: string;
}

export function undeleteCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 undelete -r last', 'bring back the newest revision in the trash'],
    ['backy -b /srv/backy/web1 undelete -r all', 'bring back all that is in the trash'],
  ])
    .summary('bring removed revisions back')
    .description(
      'Brings revisions back from the trash, where what was forgotten or has expired stays for a day (grace-time in the configuration). What the schedule would remove again gets the tag "manual:undeleted". A damaged revision is named by its whole id.',
    )
    .addOption(revisionsOption(blank, ', of those in the trash').makeOptionMandatory())
    .action(({ revision }: Options, command: Command) =>
      run(command, async (session) => {
        const { undelete } = await import('../../operations/removal/undelete.ts');
        const result = await undelete(await session.repository(), revision);
        session.announce(result, () => [
          ...result.revisions.map(revisionLine),
          ...result.damaged.map(damagedLine),
        ]);
        return SUCCESS;
      }),
    );
}
