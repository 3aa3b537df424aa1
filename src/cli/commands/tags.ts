import type { Command } from 'commander';
import { splitTags } from '../../domain/tags.ts';
import type { EditTagsOptions } from '../../operations/records/edit-tags.ts';
import type { Run } from '../command.ts';
import { DRY_RUN_OPTION, tellEdit } from '../dry-run.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import { revisionsOption } from '../revision-option.ts';

interface Options {
  readonly revision: string;
  readonly expect?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

const ACTIONS = ['set', 'add', 'remove'] as const;

export function tagsCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy -b /srv/backy/web1 tags add manual:golden', 'tag the newest good revision'],
    ['backy -b /srv/backy/web1 tags remove weekly -r 1 -n', 'show the effect of removing a tag'],
  ])
    .summary('change the tags of revisions')
    .description(
      'Replaces the tags of revisions (set), adds tags (add) or removes tags (remove). The next expiry removes a revision without tags.',
    )
    .addArgument(blank.createArgument('<ACTION>', 'what to do').choices(ACTIONS))
    .argument('<TAGS>', 'comma-separated tags of the schedule, or tags with the prefix "manual:"')
    .addOption(revisionsOption(blank).default('last'))
    .option('--expect <TAGS>', 'change nothing unless the revisions have exactly these tags now; "" for none')
    .option('-f, --force', 'accept any tag')
    .option(...DRY_RUN_OPTION)
    .action((action: EditTagsOptions['action'], tags: string, options: Options, command: Command) =>
      run(command, async (session) => {
        const { editTags } = await import('../../operations/records/edit-tags.ts');
        const { revision: revisions, expect, force, dryRun } = options;
        const expected = expect === undefined ? undefined : splitTags(expect).filter((tag) => tag !== '');
        const wanted = { action, tags: splitTags(tags), revisions, expected, force, dryRun };
        const result = await editTags(await session.repository(), wanted);
        tellEdit(session, result);
        return SUCCESS;
      }),
    );
}
