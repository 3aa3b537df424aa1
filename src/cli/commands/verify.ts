import type { Command } from 'commander';
import { FAILURE, type Run, SPECS_HELP, SUCCESS } from '../command.ts';
import { verifyLines } from '../ui/verify-report.ts';

interface Options {
  readonly revision?: string;
}

export function verifyCommand(blank: Command, run: Run): Command {
  return blank
    .summary('check images against their indexes')
    .description(
      'Reads whole images and compares every block with the index, naming each bad one. Good revisions become verified, bad ones distrusted. The exit code is 1 if anything is bad.',
    )
    .option('-r, --revision <SPEC>', `${SPECS_HELP} (default: all, and the damaged ones)`)
    .action(({ revision }: Options, command: Command) =>
      run(command, async (session) => {
        const { verify } = await import('../../operations/verify.ts');
        const context = await session.repository();
        const result = await session.withProgress('verify', (onProgress) =>
          verify(context, { revisions: revision, signal: session.signal, onProgress }),
        );
        session.show(result, () => verifyLines(result));
        return result.good ? SUCCESS : FAILURE;
      }),
    );
}
