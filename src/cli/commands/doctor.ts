import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { FAILURE, SUCCESS } from '../exit-code.ts';
import { doctorLines } from '../ui/doctor-report.ts';

export function doctorCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 doctor', 'check the filesystem and the source of a repository'],
    ['backy -b /mnt/new-disk doctor', 'check a filesystem before there is a repository'],
  ])
    .summary('test what this machine and filesystem can do')
    .description(
      'Tests the filesystem of the directory with temporary files, and whether the source is reachable. Also works without a repository. The exit code is 1 if backups cannot work.',
    )
    .action((_options: object, command: Command) =>
      run(command, async (session) => {
        const { doctor } = await import('../../operations/status/doctor.ts');
        const report = await doctor(session.directory());
        session.show(report, (look) => doctorLines(report, look));
        return report.verdict === 'unable' ? FAILURE : SUCCESS;
      }),
    );
}
