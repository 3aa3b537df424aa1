import type { Command } from 'commander';
import { counted } from '../../domain/counted.ts';
import type { AdoptResult } from '../../operations/records/adopt.ts';
import type { Run } from '../command.ts';
import { DRY_RUN_OPTION, tellOutcome } from '../dry-run.ts';
import { withExamples } from '../examples.ts';
import { FAILURE, SUCCESS } from '../exit-code.ts';
import { revisionLine } from '../ui/revision-line.ts';

interface Options {
  readonly dryRun?: boolean;
}

export function adoptCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 adopt -n', 'list the images that have lost their records'],
    [
      'backy -b /srv/backy/web1 adopt 01a20b83-a9a3-7fb8-b229-552c9c4b16ac',
      'make a new record for one image',
    ],
  ])
    .summary('make new records for images that have lost theirs')
    .description(
      'Makes a record for each image without one, from its size, its index, and the time in its id or of its file. Makes the index, too, if it is missing. The revisions stay distrusted until "verify" passes, and the tag "manual:adopted" keeps them. With IDs, adopts only these images, even if an unreadable record exists.',
    )
    .argument('[ID...]', 'whole ids of images, as "status" lists them')
    .option(...DRY_RUN_OPTION)
    .action((ids: readonly string[], { dryRun }: Options, command: Command) =>
      run(command, async (session) => {
        const { adopt } = await import('../../operations/records/adopt.ts');
        const result = await adopt(await session.repository(), { ids, dryRun, signal: session.signal });
        tellOutcome(session, result, () => adoptLines(result));
        return result.refused.length > 0 ? FAILURE : SUCCESS;
      }),
    );
}

function adoptLines({ adopted, refused, dryRun }: AdoptResult): readonly string[] {
  const count = counted(adopted.length, 'image');
  return [
    ...adopted.map(revisionLine),
    ...refused.map(({ uuid, reason }) => `${uuid} stays without a record: ${reason}`),
    dryRun ? `${count} would be adopted` : `${count} adopted; "backy verify" says whether they are good`,
  ];
}
