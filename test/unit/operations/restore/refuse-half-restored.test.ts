import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createContext } from '../../../../src/operations/context.ts';
import { abandonRestore } from '../../../../src/operations/restore/abandon-restore.ts';
import { placesOf } from '../../../../src/operations/restore/places.ts';
import { refuseHalfRestored } from '../../../../src/operations/restore/refuse-half-restored.ts';
import { changeRestoreMarks, type RestoreMark } from '../../../../src/repository/restore-marks.ts';
import { fakeEngine } from '../../fake-engine.ts';
import { scratchDirectory } from '../../scratch.ts';

/** No process has this number. */
const nobody = 0x7fff_fff0;
const mark: RestoreMark = {
  target: '/dev/vg0/web1',
  places: [{ device: '4095:1' }],
  mapper: '/dev/mapper/vg0-web1',
  revision: '01a20b77-805a-7000-8000-000000000001',
  startedAt: '2026-01-01T00:00:00.000Z',
  pid: nobody,
};
const rbd: RestoreMark = { ...mark, target: 'rbd:rbd/web1', places: [] };

describe('a source that a restore has left half-done', () => {
  it('is a volume by its name in /dev/mapper, also while it is not active', async () => {
    const { refuse } = await bench(mark);
    await expect(refuse('/dev/mapper/vg0-web1')).rejects.toMatchObject({ code: 'BACKY_SOURCE_RESTORING' });
    expect(await refuse('/dev/mapper/vg0-web2')).toBeUndefined();
  });

  it('is an image of Ceph by its name', async () => {
    const { refuse } = await bench(rbd);
    await expect(refuse('rbd:rbd/web1')).rejects.toMatchObject({ code: 'BACKY_SOURCE_RESTORING' });
    expect(await refuse('rbd:rbd/web2')).toBeUndefined();
  });

  it('is taken with force, unless the restore is still running', async () => {
    const stopped = await bench(rbd);
    expect(await stopped.refuse('rbd:rbd/web1', true)).toMatchObject({ revision: mark.revision });
    const running = await bench({ ...rbd, pid: process.pid });
    await expect(running.refuse('rbd:rbd/web1', true)).rejects.toMatchObject({
      message: expect.stringContaining(`a restore is writing to it (process ${process.pid})`),
    });
  });

  it('is forgotten when the target is gone, or its restore is abandoned', async () => {
    const gone = await bench({ ...mark, target: '/no/such/target', mapper: '/dev/mapper/none' });
    expect(await gone.refuse('/dev/mapper/vg0-web2')).toBeUndefined();
    expect(existsSync(gone.restoring)).toBe(false);
    const { context, restoring } = await bench(rbd);
    expect(await abandonRestore(context, 'rbd:rbd/web2')).toEqual({ unfinished: false });
    expect(await abandonRestore(context, 'rbd:rbd/web1')).toEqual({ unfinished: true });
    expect(existsSync(restoring)).toBe(false);
  });

  it('is known by the mark on the file alone, of another repository', async () => {
    const { refuse, engine, file } = await bench();
    engine.begun = { marks: true, image: `/srv/other/${mark.revision}` };
    await expect(refuse(file)).rejects.toMatchObject({
      remedy: expect.stringContaining(`"backy -b /srv/other restore -r ${mark.revision} ${file}"`),
    });
  });

  it('is not one whose file bears no mark where it could', async () => {
    const { refuse, engine, file, restoring, layout } = await bench();
    const places = await placesOf(file);
    await changeRestoreMarks(engine, layout, () => [{ ...rbd, target: file, places }]);
    engine.begun = { marks: false };
    await expect(refuse(file)).rejects.toMatchObject({ code: 'BACKY_SOURCE_RESTORING' });
    engine.begun = { marks: true };
    expect(await refuse(file)).toBeUndefined();
    expect(existsSync(restoring)).toBe(false);
  });
});

async function bench(...marks: readonly RestoreMark[]) {
  const directory = scratchDirectory();
  const engine = fakeEngine();
  const context = createContext(directory, { engine: async () => engine });
  const { layout } = context;
  if (marks.length > 0) await changeRestoreMarks(engine, layout, () => marks);
  const file = join(directory, 'disk.img');
  writeFileSync(file, 'x');
  const refuse = (target: string, force = false) => refuseHalfRestored({ ...context, engine }, target, force);
  return { context, engine, layout, restoring: layout.restoring, file, refuse };
}
