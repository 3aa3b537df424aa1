import type { Command } from 'commander';
import { DURATION_EXPECTED, parseDuration } from '../../domain/duration.ts';
import { parseTimeSpan } from '../../domain/time-span.ts';
import { backyError } from '../../errors.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import type { GlobalOptions } from '../session.ts';

interface Options {
  readonly reason: string;
  readonly for?: string;
  readonly until?: string;
}

export function pauseCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy pause web1 --reason "moving the disk" --for 2d', 'begin no run of web1 for two days'],
    ['backy pause web1 --reason decommissioned', 'begin no run of web1 until it is resumed'],
  ])
    .summary('begin no run of a job')
    .description(
      'Tells the service to begin no run of a job until it is resumed, or until a time. The pause is kept over restarts and shown by "backy jobs"; a paused job beyond its SLA is a warning.',
    )
    .argument('<JOB>', 'name of the job')
    .requiredOption('--reason <TEXT>', 'the reason, for others')
    .option('--for <DURATION>', 'end the pause after this time, such as 2d')
    .addOption(
      blank
        .createOption('--until <DATE>', 'end the pause at this date or time, such as 2026-01-31T03:00')
        .conflicts('for'),
    )
    .action((job: string, options: Options, command: Command) =>
      run(command, async (session) => {
        const { connectToService } = await import('../../service/client/call-service.ts');
        const until = endOf(options)?.toISOString();
        const service = connectToService(command.optsWithGlobals<GlobalOptions>().config);
        const path = `/v1/jobs/${encodeURIComponent(job)}/pause`;
        const status = await service.call('POST', path, {
          reason: options.reason,
          ...(until ? { until } : {}),
        });
        session.announce({ status }, () => [
          `${job} is paused ${until ? `until ${until}` : 'until it is resumed'}`,
        ]);
        return SUCCESS;
      }),
    );
}

function endOf({ for: duration, until }: Options): Date | undefined {
  if (until !== undefined) {
    const span = parseTimeSpan(until);
    if (span) return new Date(span.fromMs);
    throw backyError('BACKY_USAGE', {
      problem: `"${until}" is not a time`,
      advice: 'Give a time such as 2026-01-31T03:00',
    });
  }
  if (duration === undefined) return undefined;
  const durationMs = parseDuration(duration);
  if (durationMs !== undefined) return new Date(Date.now() + durationMs);
  throw backyError('BACKY_USAGE', {
    problem: `"${duration}" is not a duration`,
    advice: `Give ${DURATION_EXPECTED}`,
  });
}
