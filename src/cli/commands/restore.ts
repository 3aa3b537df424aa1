import type { Command } from 'commander';
import { formatSize } from '../../domain/size.ts';
import { type Run, SPEC_HELP, SUCCESS } from '../command.ts';
import { escapeText } from '../ui/escape.ts';

interface Options {
  readonly revision: string;
  readonly force?: boolean;
}

export function restoreCommand(blank: Command, run: Run): Command {
  return blank
    .summary('write a revision to a file, a device or standard output')
    .description(
      'Writes the image of a revision to TARGET and checks every block on the way. On an existing file or device only what differs is written. Success means complete and durable.',
    )
    .argument('<TARGET>', 'new file, existing file, block device, rbd:POOL/IMAGE, or - for standard output')
    .option('-r, --revision <SPEC>', SPEC_HELP, 'last')
    .option('--force', 'restore what is good of a damaged image; the exit code is 1 all the same')
    .action((target: string, { revision, force }: Options, command: Command) =>
      run(command, async (session) => {
        const { restore } = await import('../../operations/restore.ts');
        const context = await session.repository();
        const result = await session.withProgress('restore', (onProgress) =>
          restore(context, { revision, target, force, signal: session.signal, onProgress }),
        );
        const { record, size, bytesWritten } = result;
        const line = `${record.uuid} restored to ${target}: ${formatSize(size)}, ${formatSize(bytesWritten)} written`;
        const announce = target === '-' ? session.announceAside : session.announce;
        announce(result, () => [escapeText(line)]);
        return SUCCESS;
      }),
    );
}
