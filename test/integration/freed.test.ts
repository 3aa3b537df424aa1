import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadEngine } from '../../src/native/load-engine.ts';
import { KIB, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { type LoopFilesystem, needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';

const checkout = new URL('../../', import.meta.url);
const engineModule = new URL('dist/native/create-engine.js', checkout).href;
const addonModule = new URL('dist/native/load-addon.js', checkout).href;

/** The bytes that the filesystem takes and gives back for its own trees. */
const slackBytes = MIB / 4;
const granuleBytes = 16 * KIB;
const granules = 128;

/**
 * Generation n is a clone of the one before, with a quarter of its granules overwritten, three quarters in turn: those
 * of 1 live on in 2 and 3, and 4 overwrites them.
 */
const steps = [
  { remove: ['g1'], frees: { btrfs: 0, xfs: 0 } },
  { remove: ['g2', 'g3'], frees: { btrfs: granules, xfs: granules } },
  // btrfs keeps an extent whole until the last file that has any part of it is gone, XFS only what is referred to.
  { remove: ['alone', 'g0'], frees: { btrfs: 320, xfs: 320 + 3 * granules } },
  { remove: ['missing', 'g4', 'g5', 'g6'], frees: { btrfs: 9 * granules, xfs: 6 * granules } },
] as const;

for (const type of ['btrfs', 'xfs'] as const) {
  describeWith(needsOf(type), `space that removing frees on ${type}`, () => {
    const filesystem = useFilesystem(type);

    it('equals the measured space', async () => {
      const scratch = filesystem.scratch();
      const engine = await loadEngine();
      const path = (name: string): string => join(scratch, name);
      const names = await makeGenerations(scratch);
      for (const { remove, frees } of steps) {
        for (const name of remove) names.delete(name);
        const files = { remove: remove.map(path), keep: [...names].map(path) };

        const measured = await engine.measureFreed(files);

        expect(measured).toEqual({ bytes: frees[type] * granuleBytes, estimated: false });
        expect(await offBy(filesystem, measured.bytes, files.remove), remove.join()).toBeLessThan(slackBytes);
      }
    });
  });
}

describeWith([...needsOf('btrfs'), 'command btrfs', 'command setpriv'], 'space on btrfs', () => {
  const filesystem = useFilesystem('btrfs');

  it('is measured for compressed files, too', async () => {
    const scratch = filesystem.scratch();
    await mustRun('btrfs', ['property', 'set', scratch, 'compression', 'zstd']);
    const [first, second] = [join(scratch, 'first'), join(scratch, 'second')];
    const text = (length: number): Buffer => Buffer.from(randomBytes(length / 2).toString('hex'));
    writeFileSync(first, text(16 * MIB));
    await mustRun('sync', ['--file-system', scratch]);
    await mustRun('cp', ['--reflink=always', first, second]);
    writeAt(second, 0, text(8 * MIB));
    await mustRun('sync', ['--file-system', scratch]);
    const engine = await loadEngine();

    for (const files of [
      { remove: [first], keep: [second] },
      { remove: [second], keep: [first] },
    ]) {
      const { bytes, estimated } = await engine.measureFreed(files);
      expect(estimated).toBe(false);
      expect(bytes).toBeGreaterThan(3 * MIB);
      expect(bytes).toBeLessThan(7 * MIB);
    }
    const { bytes } = await engine.measureFreed({ remove: [first], keep: [second] });
    expect(await offBy(filesystem, bytes, [first])).toBeLessThan(slackBytes);
  });

  it('is an estimate for users who may not see the ends of extents', async () => {
    const scratch = filesystem.scratch();
    const names = await makeGenerations(scratch);
    const path = (name: string): string => join(scratch, name);
    const remove = ['g1', 'g2', 'g3'];
    for (const name of remove) names.delete(name);
    const files = { remove: remove.map(path), keep: [...names].map(path) };
    const script = `
      const { createEngine } = await import(${JSON.stringify(engineModule)});
      const engine = createEngine((await import(${JSON.stringify(addonModule)})).loadAddon());
      console.log(JSON.stringify(await engine.measureFreed(${JSON.stringify(files)})));`;
    const drop = [
      '--bounding-set',
      '-sys_admin',
      '--',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ];

    expect(JSON.parse(await mustRun('setpriv', drop))).toEqual({
      bytes: granules * granuleBytes,
      estimated: true,
      reason: 'btrfs frees an extent only as a whole, and tells nobody but root where it ends',
    });
  });
});

/** Removes files; tells by how much what that frees differs from what it was to free. */
async function offBy(filesystem: LoopFilesystem, bytes: number, paths: readonly string[]): Promise<number> {
  const before = await filesystem.freeBytes();
  for (const path of paths) rmSync(path, { force: true });
  return Math.abs((await filesystem.freeBytes()) - before - bytes);
}

async function makeGenerations(scratch: string): Promise<Set<string>> {
  const path = (name: string): string => join(scratch, name);
  writeFileSync(path('g0'), randomBytes(granules * 4 * granuleBytes));
  writeFileSync(path('alone'), randomBytes(320 * granuleBytes));
  await mustRun('sync', ['--file-system', scratch]);
  for (let n = 1; n <= 6; n += 1) {
    await mustRun('cp', ['--reflink=always', path(`g${n - 1}`), path(`g${n}`)]);
    for (let granule = 0; granule < granules; granule += 1) {
      writeAt(path(`g${n}`), (granule * 4 + (n % 3)) * granuleBytes, randomBytes(granuleBytes));
    }
    await mustRun('sync', ['--file-system', scratch]);
  }
  return new Set(['alone', 'g0', 'g1', 'g2', 'g3', 'g4', 'g5', 'g6']);
}
