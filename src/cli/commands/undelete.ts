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
    ['backy -b /srv/backy/web1 undelete -r all', 'bring back everything in the trash'],
  ])
    .summary('bring removed revisions back')
    .description(
      'Brings revisions back from the trash. Forgotten and expired revisions stay there for a day (grace-time in the configuration). A revision that the schedule would remove again gets the tag "manual:undeleted". Name a damaged revision by its whole id.',
    )
    .addOption(revisionsOption(blank, ', among those in the trash').makeOptionMandatory())
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
