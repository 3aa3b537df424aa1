import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/native/engine.ts';
import { type Layout, layoutOf } from '../../../src/repository/layout.ts';
import { leftovers } from '../../../src/repository/leftovers.ts';
import { formatRecord } from '../../../src/repository/sealed-record.ts';
import {
  emptyTrash,
  moveFromTrash,
  moveToTrash,
  readTrash,
  settleTrash,
} from '../../../src/repository/trash.ts';
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
  it('takes whole revisions and gives them back', async () => {
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

  it('moves records first, so that a revision is gone before its data is', async () => {
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
      await settleTrash(fakeEngine(), layout);
      // What is not listed any more is in the trash, whole; what is listed is whole in its place.
      const gone = [first, second].slice(0, Math.min(done, 2));
      expect(names(batchDirectory(layout))).toEqual(filesOf(...gone));
      expect(names(layout.directory)).toEqual(filesOf(...[first, second].filter((id) => !gone.includes(id))));
      expect(leftovers(names(layout.directory))).toEqual([]);
    },
  );

  it.each([1, 2, 3])(
    'undoes an undelete that was killed after %i of 3 renames, or has finished it',
    async (done) => {
      const layout = repositoryWith(first);
      await moveToTrash(fakeEngine(), layout, [first], now);
      const [batch] = await readTrash(layout);
      if (batch) await moveFromTrash(dyingEngine(done), layout, batch, [first]).catch(() => {});
      await settleTrash(fakeEngine(), layout);
      expect(names(layout.directory)).toEqual(done < 3 ? [] : filesOf(first));
      expect(names(batchDirectory(layout))).toEqual(done < 3 ? filesOf(first) : []);
    },
  );

  it('removes for good what has been there for its time', async () => {
    const layout = repositoryWith(first, second);
    const engine = fakeEngine();
    await moveToTrash(engine, layout, [first], now);
    await moveToTrash(engine, layout, [second], new Date(now.getTime() + 1));
    expect(await emptyTrash(engine, layout, (removedAt) => removedAt <= now)).toEqual([first]);
    expect((await readTrash(layout)).flatMap(({ revisions }) => revisions)).toMatchObject([{ uuid: second }]);
    expect(await emptyTrash(engine, layout)).toEqual([second]);
    expect(names(layout.trash)).toEqual([]);
  });

  it('leaves alone what is none of ours', async () => {
    const layout = repositoryWith(first);
    await moveToTrash(fakeEngine(), layout, [first], now);
    writeFileSync(join(batchDirectory(layout), 'notes'), 'mine');
    mkdirSync(join(layout.trash, 'old'));
    writeFileSync(join(layout.trash, 'old', first), 'mine');
    await emptyTrash(fakeEngine(), layout);
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
    expect(await emptyTrash(fakeEngine(), layout)).toEqual([]);
    expect(names(layout.directory)).toEqual(filesOf(first));
  });

  it('follows no link that was planted as one of its batches (F16)', async () => {
    const [layout, victim] = [repositoryWith(first), scratchDirectory()];
    writeFileSync(join(victim, `${second}.rev`), formatRecord(makeRecord({ uuid: second })));
    mkdirSync(layout.trash);
    symlinkSync(victim, batchDirectory(layout));
    expect(await readTrash(layout)).toEqual([]);
    expect(await emptyTrash(fakeEngine(), layout)).toEqual([]);
    expect(names(victim)).toEqual([`${second}.rev`]);
  });
});
