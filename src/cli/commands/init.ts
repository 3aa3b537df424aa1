import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';

interface Options {
  readonly force?: boolean;
  readonly requireReflink?: boolean;
}

export function initCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    [
      'backy -b /srv/backy/web1 init file /var/lib/libvirt/images/web1.img',
      'back up a disk image or a block device',
    ],
    ['backy -b /srv/backy/web2 init lvm vg0/web2', 'back up a logical volume from snapshots'],
  ])
    .summary('make a directory a repository')
    .description(
      'Makes the directory of -b a repository: writes its configuration, with a schedule of daily, weekly and monthly revisions. Refuses if a configuration exists or if the directory holds other files.',
    )
    .argument(
      '<TYPE>',
      'type of the source: "file" for files and block devices, "lvm" for logical volumes, "ceph-rbd" for images of Ceph',
    )
    .argument(
      '<SOURCE>',
      'path of the disk image or block device; VG/LV of a logical volume; POOL/IMAGE or POOL/NAMESPACE/IMAGE of Ceph',
    )
    .option('-f, --force', 'accept a directory with other files, and leave them alone')
    .option('--require-reflink', 'refuse backups that cannot share blocks between revisions')
    .action((type: string, filename: string, { force, requireReflink }: Options, command: Command) =>
      run(command, async (session) => {
        const { init } = await import('../../operations/init.ts');
        const result = await init(session.directory(), { type, filename, force, requireReflink });
        session.announce(result, () => [
          `${result.config}: backs up ${result.name}, ${result.tags.join(', ')}`,
        ]);
        return SUCCESS;
      }),
    );
}
