import type { Command } from 'commander';
import { isBackyError } from '../../errors.ts';
import type { AddResult } from '../../service/config/add-job.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import type { GlobalOptions, Session } from '../session.ts';

interface Options {
  readonly schedule?: string;
}

export function addCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy add web1 file /var/lib/libvirt/images/web1.img', 'let the service back up a disk image'],
    ['backy add db1 lvm vg0/db1 --schedule hourly', 'the same for a logical volume, by another schedule'],
  ])
    .summary('add a job to the service')
    .description(
      'Writes a job into the directory that the configuration includes, and makes its repository. A service that runs reads its configuration again. Nothing is written unless the whole configuration is valid with the new job.',
    )
    .argument('<JOB>', 'name of the job')
    .argument('<TYPE>', 'type of the source: file, lvm or ceph-rbd')
    .argument('<SOURCE>', 'path of a file or block device, VG/LV, or POOL/IMAGE')
    .option('--schedule <NAME>', 'schedule of the job (default: "default", or the only one)')
    .action((name: string, type: string, source: string, { schedule }: Options, command: Command) =>
      run(command, async (session) => {
        const { addJob } = await import('../../service/config/add-job.ts');
        const path = command.optsWithGlobals<GlobalOptions>().config;
        const { job, file } = await addJob(path, { name, type, source, schedule });
        const isServed = await reload(session, path);
        const result: AddResult = {
          job: job.name,
          file,
          directory: job.directory,
          schedule: job.scheduleName,
          served: isServed,
        };
        session.announce(result, () => [
          `${file}: ${job.name} is backed up into ${job.directory}, ${[...job.schedule.keys()].join(', ')}`,
          ...(isServed
            ? []
            : ['no service runs: start it with "backy scheduler", or back the job up with "backy run"']),
        ]);
        return SUCCESS;
      }),
    );
}

/** Tells the service, if one runs. */
async function reload(session: Session, path: string): Promise<boolean> {
  const { connectToService } = await import('../../service/client/call-service.ts');
  try {
    await connectToService(path).call('POST', '/v1/reload');
    return true;
  } catch (error) {
    if (!isBackyError(error)) throw error;
    if (error.code !== 'BACKY_SERVICE_ABSENT')
      session.log('warning', `the service did not reload: ${error.message}`);
    return false;
  }
}
