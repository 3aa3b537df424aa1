import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { FAILURE, SUCCESS } from '../exit-code.ts';
import { IDLE_OPTION, type LoadFlags, loadOf, RATE_OPTION } from '../load-options.ts';
import { revisionsOption } from '../revision-option.ts';
import { verifyLines } from '../ui/verify-report.ts';

interface Options extends LoadFlags {
  readonly acceptRecords?: boolean;
  readonly repair?: boolean;
  readonly revision?: string;
}

export function verifyCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 verify', 'check every revision'],
    ['backy -b /srv/backy/web1 verify -r 0 --repair', 'check the newest revision and heal its bad blocks'],
  ])
    .summary('check images against their indexes')
    .description(
      'Reads whole images and compares every block with the index, naming each bad one. Good revisions become verified, bad ones distrusted. With --repair, blocks get their bytes back from the source or from another revision, if these have them at another place of the disk; what was there is kept. A record that was edited, or has rotted, is named; --accept-records takes it as it is. The exit code is 1 if anything is bad.',
    )
    .addOption(revisionsOption(blank, ' (default: all, and the damaged ones)'))
    .option('--repair', 'heal bad blocks where the right bytes can be found')
    .option('--accept-records', 'give records that were edited a new checksum')
    .option(...RATE_OPTION)
    .option(...IDLE_OPTION)
    .action(({ revision, repair, acceptRecords, ...flags }: Options, command: Command) =>
      run(command, async (session) => {
        const { verify } = await import('../../operations/verify/verify.ts');
        const load = loadOf(flags);
        const context = await session.repository();
        const result = await session.withProgress('verify', (onProgress) =>
          verify(context, {
            revisions: revision,
            repair,
            acceptRecords,
            ...load,
            signal: session.signal,
            onProgress,
          }),
        );
        session.show(result, () => verifyLines(result));
        return result.good ? SUCCESS : FAILURE;
      }),
    );
}
