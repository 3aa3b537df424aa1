import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { revisionOption } from '../revision-option.ts';

interface Options {
  readonly revision: string;
}

export function findCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 find -r tag:weekly', 'print the path of the newest weekly image'],
    ['qemu-img info -f raw "$(backy -b /srv/backy/web1 find)"', 'give the newest image to another program'],
  ])
    .summary('print the path of an image')
    .description(
      'Prints the path of the image of a revision: a plain raw file for dd, mount, kpartx or qemu.',
    )
    .addOption(revisionOption(blank))
    .action(({ revision }: Options, command: Command) =>
      run(command, async (session) => {
        const { find } = await import('../../operations/status/find.ts');
        const result = await find(await session.repository(), revision);
        session.show(result, () => [result.image]);
        return SUCCESS;
      }),
    );
}
