import type { Command } from 'commander';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import type { CheckReport } from '../../service/check/report.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { failureText, toReportable } from '../failure.ts';
import type { GlobalOptions, Session } from '../session.ts';

interface Options {
  readonly all?: string;
  readonly format: 'nagios' | 'prometheus';
  readonly output?: string;
}

/** The collector of node_exporter runs as another user. */
const READABLE_FILE = 0o644;

export function checkCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy check', 'judge the service by its status file: a plugin for Nagios and Icinga'],
    ['backy check --all /srv/backy', 'judge all repositories below a directory, without a service'],
  ])
    .summary('judge the service or repositories, for monitoring')
    .description(
      'Says in one line whether backups are as they should be, with a line for each job that is not. It reads the status file of the service, so it answers when everything else hangs; with -b it judges one repository, with --all those right below DIR, by their records. The exit code is 0 if all is well, 1 for warnings, 2 if something is critical, and 3 if nothing can be said. With --format prometheus it prints the metrics of the service instead, or replaces the file of --output by them at once, and the exit code is 0.',
    )
    .option('--all <DIR>', 'judge all repositories right below this directory')
    .addOption(
      blank
        .createOption('--format <FORMAT>', 'a verdict for Nagios, or metrics for Prometheus')
        .choices(['nagios', 'prometheus'])
        .default('nagios'),
    )
    .option('--output <FILE>', 'write the metrics to this file')
    .action((options: Options, command: Command) =>
      run(command, (session) => check(session, options, command)),
    );
}

async function check(session: Session, options: Options, command: Command): Promise<number> {
  const { all, format, output } = options;
  if (format === 'prometheus') return writeMetrics(session, options, command);
  if (output !== undefined) throw usage('--output needs --format prometheus');
  const { EXIT_CODES, reportLines } = await import('../../service/check/report.ts');
  const report = await orUnknown(() => judge(session, all, command));
  session.show(report, () => reportLines(report));
  return EXIT_CODES[report.verdict];
}

async function judge(session: Session, all: string | undefined, command: Command): Promise<CheckReport> {
  if (all !== undefined || namesRepository(command)) {
    const { checkRepository, checkTree } = await import('../../service/check/check-repositories.ts');
    return all === undefined ? checkRepository(await session.repository()) : checkTree(all);
  }
  const { checkService } = await import('../../service/check/check-service.ts');
  return checkService(command.optsWithGlobals<GlobalOptions>().config, Date.now());
}

function namesRepository(command: Command): boolean {
  return command.parent?.getOptionValueSource('backupDirectory') === 'cli';
}

/** Writes the metrics, or leaves a file that is there as it is. The exit code says whether they were written. */
async function writeMetrics(session: Session, { all, output }: Options, command: Command): Promise<number> {
  if (all !== undefined || namesRepository(command))
    throw usage('The metrics are those of the service, so -b and --all make no sense with them');
  const { EXIT_CODES } = await import('../../service/check/report.ts');
  try {
    const { readServiceStatus } = await import('../../service/client/read-status.ts');
    const { metricsText } = await import('../../service/http/metrics.ts');
    const status = readServiceStatus(command.optsWithGlobals<GlobalOptions>().config);
    const text = await metricsText(status, Date.now());
    if (output === undefined) session.show({ metrics: text }, () => text.trimEnd().split('\n'));
    else await (await session.directory().engine()).replaceFile(output, text, READABLE_FILE);
    return EXIT_CODES.ok;
  } catch (thrown) {
    const summary = oneLine(thrown);
    session.log('warning', summary);
    return EXIT_CODES.unknown;
  }
}

function usage(problem: string): BackyError {
  return backyError('BACKY_USAGE', { problem, advice: '"backy check --help" explains it' });
}

function oneLine(thrown: unknown): string {
  return failureText(toReportable(thrown)).replace(/\s+/g, ' ');
}

/** A check that fails knows nothing, and must not pass for anything else. */
async function orUnknown(work: () => Promise<CheckReport>): Promise<CheckReport> {
  try {
    return await work();
  } catch (thrown) {
    if (isBackyError(thrown, 'BACKY_USAGE')) throw thrown;
    return { verdict: 'unknown', summary: oneLine(thrown), figures: {}, findings: [] };
  }
}
