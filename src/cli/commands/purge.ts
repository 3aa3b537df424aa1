import type { Command } from 'commander';
import { type Run, SUCCESS } from '../command.ts';
import { escapeText } from '../ui/escape.ts';

export function purgeCommand(blank: Command, run: Run): Command {
  return blank
    .summary('empty the trash, and remove what interrupted runs left behind')
    .description(
      'Removes partial files, temporary files, and images that no record seals, and empties the trash. Revisions are never touched. Every backup does this, too, but leaves in the trash what has not been there for its time.',
    )
    .action((_options: object, command: Command) =>
      run(command, async (session) => {
        const { purge } = await import('../../operations/purge.ts');
        const result = await purge(await session.repository());
        session.announce(result, () => [
          ...result.removed.map(escapeText),
          ...result.emptied.map((uuid) => `${uuid} from the trash`),
        ]);
        return SUCCESS;
      }),
    );
}
