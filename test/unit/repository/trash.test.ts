import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ioError } from '../../../src/io-error.ts';
import type { Engine } from '../../../src/native/engine.ts';
import { type Layout, layoutOf } from '../../../src/repository/layout.ts';
import { leftovers } from '../../../src/repository/leftovers.ts';
import { formatRecord } from '../../../src/repository/sealed-record.ts';
import { moveFromTrash, moveToTrash, readTrash } from '../../../src/repository/trash.ts';
import { finishTrashMoves, purgeTrash } from '../../../src/repository/trash-upkeep.ts';
import { fakeEngine } from '../fake-engine.ts';
import { makeRecord, revisionId } from '../records.ts';
import { scratchDirectory } from '../scratch.ts';

const now = new Date('2026-03-01T12:00:00.123Z');
const [first, second] = [revisionId(1), revisionId(2)];

function repositoryWith(...ids: readonly string[]): Layout {
  const layout = layoutOf(scratchDirectory());
  for (const uuid of ids) {
    const { image, index, record } = layout.files(uuid);
    writeFileSync(image, `image ${uuid}`);
    writeFileSync(index, `index ${uuid}`);
    writeFileSync(record, formatRecord(makeRecord({ uuid })));
  }
  return layout;
}

function filesOf(...ids: readonly string[]): readonly string[] {
  return ids.flatMap((id) => [id, `${id}.hashes`, `${id}.rev`]).sort();
}

function names(directory: string): readonly string[] {
  return existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => name !== '.trash')
        .sort()
    : [];
}

function batchDirectory({ trash }: Layout): string {
  return join(trash, '20260301T120000123Z');
}

/** An engine that cannot move or remove some files, as if they were immutable. */
function engineWithout(...stuck: readonly string[]): Engine {
  const engine = fakeEngine();
  const refuse = (syscall: string, path: string, reported: string): void => {
    if (stuck.includes(path) && existsSync(path))
      throw ioError({ path: reported, syscall, errnoName: 'EPERM' });
  };
  return {
    ...engine,
    moveFiles: async (pairs) => {
      for (const pair of pairs) {
        refuse('rename', pair.from, pair.to);
        await engine.moveFiles([pair]);
      }
    },
    removeFiles: async (paths) => {
      for (const path of paths) {
        refuse('unlink', path, path);
        await engine.removeFiles([path]);
      }
    },
  };
}

/** An engine that dies in the middle of its n-th rename. */
function dyingEngine(lastMove: number): Engine {
  const engine = fakeEngine();
  let moves = 0;
  return {
    ...engine,
    moveFiles: async (pairs) => {
      for (const { from, to } of pairs) {
        if (moves === lastMove) throw new Error('killed');
        moves += 1;
        if (existsSync(from)) renameSync(from, to);
      }
    },
  };
}

describe('the trash', () => {
  it('stores complete revisions and returns them', async () => {
    const layout = repositoryWith(first, second);
    const engine = fakeEngine();
    await moveToTrash(engine, layout, [first], now);
    expect(names(layout.directory)).toEqual(filesOf(second));
    const [batch, ...others] = await readTrash(layout);
    expect(others).toEqual([]);
    expect(batch).toMatchObject({ removedAt: now, revisions: [{ uuid: first }] });
    if (batch) await moveFromTrash(engine, layout, batch, [first]);
    expect(names(layout.directory)).toEqual(filesOf(first, second));
    expect(names(layout.trash)).toEqual([]);
  });

  it('moves records first, so that a revision disappears before its data', async () => {
    const layout = repositoryWith(first);
    const engine = fakeEngine();
    await moveToTrash(engine, layout, [first], now);
    const moved = engine.calls.filter(([method]) => method === 'moveFiles').map(([, pairs]) => pairs);
    const { record, index, image } = layout.files(first);
    const to = (path: string): string => path.replace(layout.directory, batchDirectory(layout));
    expect(moved).toEqual([
      [{ from: record, to: to(record) }],
      [
        { from: index, to: to(index) },
        { from: image, to: to(image) },
      ],
    ]);
  });

  it.each([1, 2, 3, 4, 5])(
    'finishes a removal that was killed after %i of 6 renames (I4, I22)',
    async (done) => {
      const layout = repositoryWith(first, second);
      await expect(moveToTrash(dyingEngine(done), layout, [first, second], now)).rejects.toThrow('killed');
      await finishTrashMoves(fakeEngine(), layout);
      // An unlisted revision lies whole in the trash; a listed one lies whole in its place.
      const gone = [first, second].slice(0, Math.min(done, 2));
      expect(names(batchDirectory(layout))).toEqual(filesOf(...gone));
      expect(names(layout.directory)).toEqual(filesOf(...[first, second].filter((id) => !gone.includes(id))));
      expect(leftovers(layout, names(layout.directory))).toEqual([]);
    },
  );

  it.each([1, 2, 3])(
    'undoes an undelete that was killed after %i of 3 renames, or has finished it',
    async (done) => {
      const layout = repositoryWith(first);
      await moveToTrash(fakeEngine(), layout, [first], now);
      const [batch] = await readTrash(layout);
      if (batch) await moveFromTrash(dyingEngine(done), layout, batch, [first]).catch(() => {});
      await finishTrashMoves(fakeEngine(), layout);
      expect(names(layout.directory)).toEqual(done < 3 ? [] : filesOf(first));
      expect(names(batchDirectory(layout))).toEqual(done < 3 ? filesOf(first) : []);
    },
  );

  it('removes a second name of data in the trash, but never a copy', async () => {
    const layout = repositoryWith(first, second);
    await moveToTrash(fakeEngine(), layout, [first, second], now);
    const batch = batchDirectory(layout);
    linkSync(join(batch, first), join(layout.directory, first));
    copyFileSync(join(batch, second), join(layout.directory, second));

    await finishTrashMoves(fakeEngine(), layout);

    expect(names(batch)).toEqual(filesOf(first, second));
    expect(names(layout.directory)).toEqual([second]);
  });

  it('removes a second name of a returned record, but never one with data', async () => {
    const layout = repositoryWith(first, second);
    await moveToTrash(fakeEngine(), layout, [first, second], now);
    const batch = batchDirectory(layout);
    // A power cut left one record under both names; the other revision was copied back by hand.
    for (const name of filesOf(first)) renameSync(join(batch, name), join(layout.directory, name));
    copyFileSync(join(layout.directory, `${first}.rev`), join(batch, `${first}.rev`));
    for (const name of filesOf(second)) copyFileSync(join(batch, name), join(layout.directory, name));

    await finishTrashMoves(fakeEngine(), layout);

    expect(names(batch)).toEqual(filesOf(second));
    expect(names(layout.directory)).toEqual(filesOf(first, second));
  });

  it('purges revisions after their grace period', async () => {
    const layout = repositoryWith(first, second);
    const engine = fakeEngine();
    await moveToTrash(engine, layout, [first], now);
    await moveToTrash(engine, layout, [second], new Date(now.getTime() + 1));
    expect(await purgeTrash(engine, layout, (removedAt) => removedAt <= now)).toEqual([first]);
    expect((await readTrash(layout)).flatMap(({ revisions }) => revisions)).toMatchObject([{ uuid: second }]);
    expect(await purgeTrash(engine, layout)).toEqual([second]);
    expect(names(layout.trash)).toEqual([]);
  });

  it.each(['image', 'index', 'record'] as const)(
    'takes all but the revision whose %s cannot be moved, which is as it was',
    async (kind) => {
      const layout = repositoryWith(first, second);
      const path = layout.files(first)[kind];
      const stuck = await moveToTrash(engineWithout(path), layout, [first, second], now);
      expect([...stuck]).toMatchObject([[first, { details: { path, errno: 'EPERM' } }]]);
      expect(names(layout.directory)).toEqual(filesOf(first));
      expect(names(batchDirectory(layout))).toEqual(filesOf(second));
      await moveToTrash(engineWithout(path), layout, [first], new Date(now.getTime() + 1));
      expect(names(layout.trash)).toHaveLength(1);
    },
  );

  it('finishes other moves if a file cannot be moved, and reports that file', async () => {
    const layout = repositoryWith(first, second);
    await expect(moveToTrash(dyingEngine(2), layout, [first, second], now)).rejects.toThrow('killed');
    const { image } = layout.files(first);
    const stuck: unknown[] = [];
    await finishTrashMoves(engineWithout(image), layout, (id, { details }) => stuck.push([id, details.path]));
    expect(stuck).toEqual([[first, image]]);
    expect(names(layout.directory)).toEqual([first]);
    await finishTrashMoves(fakeEngine(), layout);
    expect(names(batchDirectory(layout))).toEqual(filesOf(first, second));
  });

  it('leaves a revision alone that was copied back by hand', async () => {
    const layout = repositoryWith(first, second);
    await moveToTrash(fakeEngine(), layout, [first, second], now);
    for (const name of [...filesOf(first), second])
      copyFileSync(join(batchDirectory(layout), name), join(layout.directory, name));
    const stuck: unknown[] = [];
    await finishTrashMoves(fakeEngine(), layout, (id) => stuck.push(id));
    expect(stuck).toEqual([]);
    expect(names(layout.directory)).toEqual([...filesOf(first), second].sort());
    expect(leftovers(layout, names(layout.directory))).toEqual([]);
    await purgeTrash(fakeEngine(), layout);
    expect(names(layout.trash)).toEqual([]);
    expect(names(layout.directory)).toEqual([...filesOf(first), second].sort());
  });

  it('is purged except for files that cannot be removed', async () => {
    const layout = repositoryWith(first, second);
    await moveToTrash(fakeEngine(), layout, [first, second], now);
    const record = join(batchDirectory(layout), `${first}.rev`);
    const stuck: unknown[] = [];
    const engine = engineWithout(record);
    const gone = await purgeTrash(engine, layout, undefined, (id, { message }) => stuck.push([id, message]));
    expect(gone).toEqual([second]);
    expect(stuck).toEqual([[first, `Cannot rename ${record}: operation not permitted (EPERM)`]]);
    expect(names(batchDirectory(layout))).toEqual(filesOf(first));
  });

  it('leaves foreign files alone', async () => {
    const layout = repositoryWith(first);
    await moveToTrash(fakeEngine(), layout, [first], now);
    writeFileSync(join(batchDirectory(layout), 'notes'), 'mine');
    mkdirSync(join(layout.trash, 'old'));
    writeFileSync(join(layout.trash, 'old', first), 'mine');
    await purgeTrash(fakeEngine(), layout);
    expect(names(batchDirectory(layout))).toEqual(['notes']);
    expect(names(join(layout.trash, 'old'))).toEqual([first]);
  });

  it('follows no link that was planted in its place (F16)', async () => {
    const [layout, victim] = [repositoryWith(first), scratchDirectory()];
    writeFileSync(join(victim, second), 'mine');
    symlinkSync(victim, layout.trash);
    expect(await readTrash(layout)).toEqual([]);
    await expect(moveToTrash(fakeEngine(), layout, [first], now)).rejects.toThrow();
    mkdirSync(join(victim, '20260301T120000123Z'));
    writeFileSync(join(victim, '20260301T120000123Z', second), 'mine');
    expect(await purgeTrash(fakeEngine(), layout)).toEqual([]);
    expect(names(layout.directory)).toEqual(filesOf(first));
  });

  it('follows no link that was planted as one of its batches (F16)', async () => {
    const [layout, victim] = [repositoryWith(first), scratchDirectory()];
    writeFileSync(join(victim, `${second}.rev`), formatRecord(makeRecord({ uuid: second })));
    mkdirSync(layout.trash);
    symlinkSync(victim, batchDirectory(layout));
    expect(await readTrash(layout)).toEqual([]);
    expect(await purgeTrash(fakeEngine(), layout)).toEqual([]);
    expect(names(victim)).toEqual([`${second}.rev`]);
  });
});
