import type { Command } from 'commander';
import { formatSize } from '../../domain/size.ts';
import type { RestoreResult } from '../../operations/restore/restore.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { IDLE_OPTION, type LoadFlags, loadOf, RATE_OPTION } from '../load-options.ts';
import { revisionOption } from '../revision-option.ts';
import type { Session } from '../session.ts';
import { refuseClosedOutput } from '../standard-output.ts';

interface Options extends LoadFlags {
  readonly revision: string;
  readonly force?: boolean;
  readonly clone?: boolean;
  readonly abandon?: boolean;
}

export function restoreCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 restore /var/lib/libvirt/images/web1.img', 'restore the newest good revision'],
    [
      'backy -b /srv/backy/web1 restore -r 1 - | gzip > yesterday.img.gz',
      'write the revision before the newest to a pipe',
    ],
  ])
    .summary('write a revision to a file, a device or standard output')
    .description(
      'Writes the image of a revision to TARGET and checks every block. On an existing file or device, writes only blocks that differ. With --clone, TARGET becomes a new file that shares all blocks with the image; this takes no time and checks nothing. Success means that TARGET is complete and durable.',
    )
    .argument('<TARGET>', 'new file, existing file, block device, rbd:POOL/IMAGE, or - for standard output')
    .addOption(revisionOption(blank))
    .option('--force', 'restore the good blocks of a damaged image; the exit code is still 1')
    .addOption(
      blank
        .createOption(
          '--clone',
          'share the blocks of the image with a new file on the same filesystem, without checking them',
        )
        .conflicts('force'),
    )
    .addOption(
      blank
        .createOption('--abandon', 'forget an unfinished restore to TARGET; write nothing')
        .conflicts(['force', 'clone', 'revision']),
    )
    .option(...RATE_OPTION)
    .option(...IDLE_OPTION)
    .action((target: string, options: Options, command: Command) =>
      run(command, (session) =>
        options.abandon ? abandonTarget(session, target) : restoreTo(session, target, options),
      ),
    );
}

async function restoreTo(
  session: Session,
  target: string,
  { revision, force, clone, abandon: _, ...flags }: Options,
): Promise<number> {
  const load = loadOf(flags);
  const { restore } = await import('../../operations/restore/restore.ts');
  const context = await session.repository();
  if (target === '-') refuseClosedOutput();
  const result = await session.withProgress('restore', (onProgress) =>
    restore(context, { revision, target, force, clone, ...load, signal: session.signal, onProgress }),
  );
  const announce = target === '-' ? session.announceAside : session.announce;
  announce(result, () => [resultLine(target, result)]);
  return SUCCESS;
}

async function abandonTarget(session: Session, target: string): Promise<number> {
  const { abandonRestore } = await import('../../operations/restore/abandon-restore.ts');
  const result = await abandonRestore(await session.repository(), target);
  const { unfinished } = result;
  session.announce(result, () => [
    unfinished ? `${target} passes for complete` : `no restore to ${target} is unfinished`,
  ]);
  return SUCCESS;
}

/** The result in one line. It says of a clone that nothing was checked. */
function resultLine(target: string, { record, size, bytesWritten, checked }: RestoreResult): string {
  const { uuid } = record;
  return checked
    ? `${uuid} restored to ${target}: ${formatSize(size)}, ${formatSize(bytesWritten)} written`
    : `${uuid} cloned to ${target}: ${formatSize(size)}, not checked; "backy verify -r ${uuid}" reads the same blocks`;
}
