import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { fleetLines } from '../../../../src/cli/ui/fleet-table.ts';
import { statusOfAll } from '../../../../src/operations/status/status-all.ts';
import { changeRestoreMarks, type RestoreMark } from '../../../../src/repository/restore-marks.ts';
import { unwrapped } from '../../../helpers/unwrapped.ts';
import { revisionId } from '../../records.ts';
import { workbench } from '../workbench.ts';

it('names the unfinished restores of each repository, and how to finish them', async () => {
  const { directory, context, engine } = workbench();
  const mark: RestoreMark = {
    target: '/dev/vg0/web1',
    places: [{ device: '4095:1' }],
    revision: revisionId(1),
    startedAt: '2026-01-01T00:00:00.000Z',
    // No process has this number.
    pid: 0x7fff_fff0,
  };
  const look = () => statusOfAll(dirname(directory));
  expect(await look()).toMatchObject({
    repositories: [{ unfinishedRestores: [] }],
    summary: { unfinishedRestores: 0 },
  });

  await changeRestoreMarks(engine, context.layout, () => [mark]);

  const status = await look();
  const command = `backy -b ${directory} restore -r ${mark.revision} ${mark.target}`;
  expect(status).toMatchObject({
    repositories: [{ unfinishedRestores: [{ target: mark.target, revision: mark.revision, command }] }],
    summary: { unfinishedRestores: 1 },
  });
  const lines = fleetLines(status);
  expect(unwrapped(lines.join('\n'))).toContain(`is not complete: finish it with "${command}"`);
  expect(lines.at(-1)).toBe('1 unfinished restore');
});
