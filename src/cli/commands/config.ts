import type { Command } from 'commander';
import { counted } from '../../domain/counted.ts';
import type { ConfigResult } from '../../service/config/load-service-config.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import type { GlobalOptions } from '../session.ts';

export function configCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy config check', 'check /etc/backy.conf before the service reads it'],
    ['backy -c ./site.conf config check', 'check another configuration'],
  ])
    .summary('check the configuration of the service')
    .description(
      'Reads the configuration of the service with all files that it includes, and names the first mistake with its file, line and column. Warnings name settings that have no effect, missing sources, and files that others may change.',
    )
    .addArgument(blank.createArgument('<ACTION>', 'what to do').choices(['check']))
    .action((_: string, __: object, command: Command) =>
      run(command, async (session) => {
        const { loadServiceConfig } = await import('../../service/config/load-service-config.ts');
        const { siteWarnings } = await import('../../service/config/site-warnings.ts');
        const config = loadServiceConfig(command.optsWithGlobals<GlobalOptions>().config);
        const { path, baseDirectory, jobs } = config;
        const warnings = siteWarnings(config, process.geteuid?.());
        const result: ConfigResult = { path, baseDirectory, jobs: [...jobs.keys()], warnings };
        session.show(result, () => [
          ...warnings.map((warning) => `warning: ${warning}`),
          `${path} is valid: ${counted(jobs.size, 'job')} in ${baseDirectory}`,
        ]);
        return SUCCESS;
      }),
    );
}
