import type { Command } from 'commander';
import { counted } from '../../domain/counted.ts';
import { nearest } from '../../domain/nearest.ts';
import { backyError } from '../../errors.ts';
import type { AskedRun } from '../../service/client/run-through-service.ts';
import type { JobConfig, ServiceConfig } from '../../service/model/service-config.ts';
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
      'Backs jobs of the configuration up now: through the service if it runs, or else directly, as many at once as worker-limit allows. Each takes a revision: for the tags that are due or, if none is, for manual:run. The exit code is 1 if any of them failed.',
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
  const config = loadServiceConfig(path);
  const jobs = all ? [...config.jobs.values()] : names.map((name) => jobOf(config, name));
  if (jobs.length === 0)
    throw backyError('BACKY_USAGE', { problem: 'No job is named', advice: 'Name some, or say --all' });
  const runs = await runAll(session, config, jobs, path);
  session.show({ runs }, (look) => [
    ...runs.map((run) => (run.outcome === 'ok' ? runLine(run) : look.alarm(runLine(run)))),
    summaryLine(runs, jobs.length),
  ]);
  return runs.length === jobs.length && runs.every(({ outcome }) => outcome === 'ok') ? SUCCESS : FAILURE;
}

/** Through the service if it runs, so that its limits hold, or else directly. */
async function runAll(
  { signal, log }: Session,
  config: ServiceConfig,
  jobs: readonly JobConfig[],
  path: string,
): Promise<readonly AskedRun[]> {
  const { connectToService } = await import('../../service/client/call-service.ts');
  const { isServing, runThroughService } = await import('../../service/client/run-through-service.ts');
  const client = connectToService(path);
  if (await isServing(client))
    return runThroughService(
      client,
      jobs.map(({ name }) => name),
      signal,
    );
  const { runDirectly } = await import('../../service/runs/run-directly.ts');
  const { fast, slow } = config.workers;
  const runs = await runDirectly(config, jobs, fast + slow, {
    signal,
    onWarning: (message) => log('warning', message),
  });
  return runs.map(({ job, outcome, uuid, message }) => ({ job, outcome, uuid, message }));
}

function jobOf({ jobs }: ServiceConfig, name: string): JobConfig {
  const job = jobs.get(name);
  if (job) return job;
  const near = nearest(name, jobs.keys());
  throw backyError('BACKY_JOB_UNKNOWN', { job: near ? `${name}" (did you mean "${near}"?) "` : name });
}

function runLine({ job, outcome, uuid, message }: AskedRun): string {
  return [job, outcome, uuid ?? message ?? ''].join('  ').trimEnd();
}

function summaryLine(runs: readonly AskedRun[], jobs: number): string {
  const good = runs.filter(({ outcome }) => outcome === 'ok').length;
  return `${good} of ${counted(jobs, 'job')} backed up`;
}
