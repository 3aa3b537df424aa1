import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import type { GlobalOptions } from '../session.ts';

export function jobsCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy jobs', 'list all jobs, the worst first'],
    ['backy jobs web', 'list the jobs with "web" in their names'],
  ])
    .summary('list the jobs of the service')
    .description(
      'Lists the jobs of the service, the worst first: verdict, state, the newest good revision, the next run, and the reasons for the verdict. It reads the status file that the service writes.',
    )
    .argument('[FILTER]', 'list only jobs with this text in their names')
    .action((filter: string | undefined, _: object, command: Command) =>
      run(command, async (session) => {
        const { readServiceStatus } = await import('../../service/client/read-status.ts');
        const { jobLines } = await import('../ui/job-table.ts');
        const status = readServiceStatus(command.optsWithGlobals<GlobalOptions>().config);
        const jobs = status.jobs.filter(({ job }) => filter === undefined || job.includes(filter));
        const shown = { ...status, jobs };
        session.show(shown, (look) => jobLines(shown, look));
        return SUCCESS;
      }),
    );
}
