import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statusLines } from '../../../../src/cli/ui/status-table.ts';
import { backup } from '../../../../src/operations/backup/backup.ts';
import { init } from '../../../../src/operations/init.ts';
import { editTags } from '../../../../src/operations/records/edit-tags.ts';
import { expire } from '../../../../src/operations/removal/expire.ts';
import { simulate } from '../../../../src/operations/status/simulate.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { makeRecord, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';

/** A repository of 2014 whose schedule has a tag of a name. */
function benchOf2014(tag: string): Workbench {
  const bench = workbench();
  const schedule = { [tag]: { interval: '1d', keep: 1 } };
  const config = { source: bench.source, 'source-type': 'file', schedule };
  writeFileSync(join(bench.directory, 'config'), JSON.stringify(config));
  return bench;
}

describe.each(['', 'every day', 'täglich', 'a,b', '-rf', 'x\ny', 'z'.repeat(300)])(
  'a tag that an old configuration calls %j',
  (tag) => {
    it('is due, is given, is shown, and expires', async () => {
      const bench = benchOf2014(tag);
      const { record } = (await backup(bench.context)) ?? expect.unreachable();
      expect(record.tags).toEqual([tag]);
      expect(await backup(bench.context)).toBeUndefined();
      bench.now = new Date(bench.now.getTime() + 5 * 86_400_000);
      const again = (await backup(bench.context, { tags: [tag] })) ?? expect.unreachable();
      const shown = await status(bench.context);
      expect(shown.revisions).toEqual([again.record]);
      expect(shown.damaged).toEqual([]);
      expect(statusLines(shown).join('\n')).toMatch(tag === '' ? / {2}"" +trusted/ : again.record.uuid);
      expect((await expire(bench.context, { dryRun: true })).verdicts).toMatchObject([{ kept: true }]);
      expect((await simulate(bench.context, { days: 2 })).backups[0]?.tags).toEqual([tag]);
    });

    it('can be taken away, and is given to nothing new', async () => {
      const bench = workbench();
      bench.add(makeRecord({ uuid: revisionId(1), tags: [tag, 'daily'] }));
      expect((await status(bench.context)).damaged).toEqual([]);
      const attempt = editTags(bench.context, { action: 'add', tags: [tag] });
      await expect(attempt).rejects.toMatchObject({ code: 'BACKY_TAG_INVALID' });
      const { revisions } = await editTags(bench.context, { action: 'remove', tags: [tag] });
      expect(revisions).toMatchObject([{ tags: ['daily'] }]);
      const schedule = { [tag]: { interval: '1d', keep: 1 } };
      const fresh = { ...bench.context.layout, directory: join(bench.directory, '..', 'fresh') };
      const context = { ...bench.context, layout: { ...fresh, config: join(fresh.directory, 'config') } };
      const options = { type: 'file', filename: bench.source, schedule };
      await expect(init(context, options)).rejects.toMatchObject({ code: 'BACKY_CONFIG_INVALID' });
    });
  },
);

it('records of 2014 have any tag, also one whose name looks like a number', async () => {
  const bench = workbench();
  for (const [number, tags] of [[''], [2014, true, 'daily']].entries()) {
    const uuid = `96d8b001-0ffc-4149-8c35-cf003f5638d${number}`;
    writeFileSync(join(bench.directory, uuid), 'image');
    const record = { uuid, timestamp: 1398400000 + number, parent: '', stats: { duration: 1 }, tags };
    writeFileSync(join(bench.directory, `${uuid}.rev`), JSON.stringify(record));
  }
  const { revisions, damaged } = await status(bench.context);
  expect(damaged).toEqual([]);
  expect(revisions.map(({ tags }) => tags)).toEqual([[''], ['2014', 'true', 'daily']]);
  expect(readFileSync(join(bench.directory, 'config'), 'utf8')).toContain('daily');
});
