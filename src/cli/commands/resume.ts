import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import type { GlobalOptions } from '../session.ts';

export function resumeCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy resume web1', 'end the pause of web1'],
    ['backy -c ./site.conf resume web1', 'the same for the service of another configuration'],
  ])
    .summary('end the pause of a job')
    .description('Tells the service to go on with a job that was paused. Missed backups are caught up once.')
    .argument('<JOB>', 'name of the job')
    .action((job: string, _: object, command: Command) =>
      run(command, async (session) => {
        const { connectToService } = await import('../../service/client/call-service.ts');
        const service = connectToService(command.optsWithGlobals<GlobalOptions>().config);
        const status = await service.call('POST', `/v1/jobs/${encodeURIComponent(job)}/resume`);
        session.announce({ status }, () => [`${job} goes on`]);
        return SUCCESS;
      }),
    );
}
