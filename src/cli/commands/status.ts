import type { Command } from 'commander';
import { type Run, SUCCESS } from '../command.ts';
import { statusLines } from '../ui/status-table.ts';

export function statusCommand(blank: Command, run: Run): Command {
  return blank
    .summary('list the revisions')
    .description(
      'Lists the revisions, oldest first: time, id, data written, seconds, tags, trust, how the source was read, what is shared. Damaged revisions follow, with the reason.',
    )
    .action((_options: object, command: Command) =>
      run(command, async (session) => {
        const { status } = await import('../../operations/status.ts');
        const result = await status(await session.repository());
        session.show(result, () => statusLines(result));
        return SUCCESS;
      }),
    );
}
