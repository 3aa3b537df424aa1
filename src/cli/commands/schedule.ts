import type { Command } from 'commander';
import { DAYS_EXPECTED, isNumberOfDays } from '../../domain/simulation.ts';
import { backyError } from '../../errors.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { scheduleLines } from '../ui/schedule-report.ts';

interface Options {
  readonly fromNothing?: boolean;
}

export function scheduleCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 schedule 90', 'show the next 90 days'],
    [
      'backy -b /srv/backy/web1 schedule 365 --from-nothing',
      'show a year that begins with an empty repository',
    ],
  ])
    .summary('simulate the schedule into the future')
    .description(
      'Shows which backups the schedule takes in the next DAYS, which revisions are kept at the end, the largest gap between them, and the space they need. Nothing is changed.',
    )
    .argument('<DAYS>', 'number of days to simulate')
    .option('--from-nothing', 'begin with an empty repository instead of the present revisions')
    .action((days: string, { fromNothing }: Options, command: Command) =>
      run(command, async (session) => {
        const { simulate } = await import('../../operations/status/simulate.ts');
        const result = await simulate(await session.repository(), { days: daysOf(days), fromNothing });
        session.show(result, (look) => scheduleLines(result, look));
        return SUCCESS;
      }),
    );
}

function daysOf(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (isNumberOfDays(days)) return days;
  throw backyError('BACKY_USAGE', {
    problem: `"${text}" is not a number of days`,
    advice: `Give ${DAYS_EXPECTED}`,
  });
}
