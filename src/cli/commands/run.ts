import type { Command } from 'commander';
import { counted } from '../../domain/counted.ts';
import { nearest } from '../../domain/nearest.ts';
import { backyError } from '../../errors.ts';
import type { JobConfig, ServiceConfig } from '../../service/model/service-config.ts';
import type { DirectRun } from '../../service/runs/run-directly.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { FAILURE, SUCCESS } from '../exit-code.ts';
import type { GlobalOptions, Session } from '../session.ts';

interface Options {
  readonly all?: boolean;
}

export function runCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy run web1 db1', 'back two jobs up now'],
    ['backy run --all', 'back all jobs up now, a few at once'],
  ])
    .summary('back jobs up now')
    .description(
      'Backs jobs of the configuration up now, as many at once as worker-limit allows. Each takes a revision: for the tags that are due or, if none is, for manual:run. The exit code is 1 if any of them failed.',
    )
    .argument('[JOB...]', 'names of jobs')
    .option('--all', 'all jobs of the configuration')
    .action((names: readonly string[], options: Options, command: Command) =>
      run(command, (session) =>
        runJobs(session, names, options, command.optsWithGlobals<GlobalOptions>().config),
      ),
    );
}

async function runJobs(
  session: Session,
  names: readonly string[],
  { all = false }: Options,
  path: string,
): Promise<number> {
  const { loadServiceConfig } = await import('../../service/config/load-service-config.ts');
  const { runDirectly } = await import('../../service/runs/run-directly.ts');
  const config = loadServiceConfig(path);
  const jobs = all ? [...config.jobs.values()] : names.map((name) => jobOf(config, name));
  if (jobs.length === 0)
    throw backyError('BACKY_USAGE', { problem: 'No job is named', advice: 'Name some, or say --all' });
  const { fast, slow } = config.workers;
  const onWarning = (message: string): void => session.log('warning', message);
  const runs = await runDirectly(config, jobs, fast + slow, { signal: session.signal, onWarning });
  session.show({ runs }, (look) => [
    ...runs.map((run) => (run.outcome === 'ok' ? runLine(run) : look.alarm(runLine(run)))),
    summaryLine(runs, jobs.length),
  ]);
  return runs.length === jobs.length && runs.every(({ outcome }) => outcome === 'ok') ? SUCCESS : FAILURE;
}

function jobOf({ jobs }: ServiceConfig, name: string): JobConfig {
  const job = jobs.get(name);
  if (job) return job;
  const near = nearest(name, jobs.keys());
  throw backyError('BACKY_JOB_UNKNOWN', { job: near ? `${name}" (did you mean "${near}"?) "` : name });
}

function runLine({ job, outcome, uuid, message }: DirectRun): string {
  return [job, outcome, uuid ?? message ?? ''].join('  ').trimEnd();
}

function summaryLine(runs: readonly DirectRun[], jobs: number): string {
  const good = runs.filter(({ outcome }) => outcome === 'ok').length;
  return `${good} of ${counted(jobs, 'job')} backed up`;
}
