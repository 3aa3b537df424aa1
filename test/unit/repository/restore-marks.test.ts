import { existsSync, statSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { layoutOf } from '../../../src/repository/layout.ts';
import { changeRestoreMarks, readRestoreMarks } from '../../../src/repository/restore-marks.ts';
import { fakeEngine } from '../fake-engine.ts';
import { scratchDirectory } from '../scratch.ts';

const mark = {
  target: '/dev/vg0/web1',
  places: [{ device: '253:1' }, { device: '0:40', inode: '257' }],
  mapper: '/dev/mapper/vg0-web1',
  revision: '01a20b77-805a-7000-8000-000000000001',
  startedAt: '2026-01-01T00:00:00.000Z',
  pid: 4711,
};
const other = { ...mark, target: 'rbd:rbd/web1', places: [], ofALaterVersion: { kept: true } };

it('stores marks, and removes the file with the last one', async () => {
  const layout = layoutOf(scratchDirectory());
  const engine = fakeEngine();
  expect(readRestoreMarks(layout)).toEqual({ marks: [] });
  await changeRestoreMarks(engine, layout, () => [mark]);
  await changeRestoreMarks(engine, layout, (marks) => [...marks, other]);
  expect(readRestoreMarks(layout)).toEqual({ marks: [mark, other] });
  expect(statSync(layout.restoring).mode & 0o777).toBe(0o600);
  await changeRestoreMarks(engine, layout, (marks) => marks.slice(1));
  expect(readRestoreMarks(layout)).toEqual({ marks: [other] });
  await changeRestoreMarks(engine, layout, () => []);
  expect(existsSync(layout.restoring)).toBe(false);
  expect(engine.locks.size).toBe(0);
});

it.each([
  '',
  '[]',
  '{"restores":{}}',
  '{"restores":[{"target":7}]}',
  '{"restores":[{"target":"/x","places":[7]}]}',
])('reports %j as damaged', (text) => {
  const layout = layoutOf(scratchDirectory());
  writeFileSync(layout.restoring, text);
  const { marks, problem } = readRestoreMarks(layout);
  expect(marks).toEqual([]);
  expect(problem).toContain('.restoring is not as backy wrote it: ');
});
