import type { Command } from 'commander';
import { isBackyError } from '../../errors.ts';
import type { CheckReport } from '../../service/check/report.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { failureText, toReportable } from '../failure.ts';
import type { GlobalOptions, Session } from '../session.ts';

interface Options {
  readonly all?: string;
}

export function checkCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy check', 'judge the service by its status file: a plugin for Nagios and Icinga'],
    ['backy check --all /srv/backy', 'judge all repositories below a directory, without a service'],
  ])
    .summary('judge the service or repositories, for monitoring')
    .description(
      'Says in one line whether backups are as they should be, with a line for each job that is not. It reads the status file of the service, so it answers when everything else hangs; with -b it judges one repository, with --all those right below DIR, by their records. The exit code is 0 if all is well, 1 for warnings, 2 if something is critical, and 3 if nothing can be said.',
    )
    .option('--all <DIR>', 'judge all repositories right below this directory')
    .action((options: Options, command: Command) =>
      run(command, (session) => check(session, options, command)),
    );
}

async function check(session: Session, { all }: Options, command: Command): Promise<number> {
  const { EXIT_CODES, reportLines } = await import('../../service/check/report.ts');
  const report = await orUnknown(() => judge(session, all, command));
  session.show(report, () => reportLines(report));
  return EXIT_CODES[report.verdict];
}

async function judge(session: Session, all: string | undefined, command: Command): Promise<CheckReport> {
  const isRepository = command.parent?.getOptionValueSource('backupDirectory') === 'cli';
  if (all !== undefined || isRepository) {
    const { checkRepository, checkTree } = await import('../../service/check/check-repositories.ts');
    return all === undefined ? checkRepository(await session.repository()) : checkTree(all);
  }
  const { checkService } = await import('../../service/check/check-service.ts');
  return checkService(command.optsWithGlobals<GlobalOptions>().config, Date.now());
}

/** A check that fails knows nothing, and must not pass for anything else. */
async function orUnknown(work: () => Promise<CheckReport>): Promise<CheckReport> {
  try {
    return await work();
  } catch (thrown) {
    if (isBackyError(thrown, 'BACKY_USAGE')) throw thrown;
    const summary = failureText(toReportable(thrown)).replace(/\s+/g, ' ');
    return { verdict: 'unknown', summary, figures: {}, findings: [] };
  }
}
