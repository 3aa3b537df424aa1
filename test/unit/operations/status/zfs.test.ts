import { mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { adviseOnZfs, lookAtZfs, type ZfsReport } from '../../../../src/operations/status/zfs.ts';
import { scratchDirectory } from '../../scratch.ts';

const KIB = 1024;

/** A directory that has what the kernel shows of a module. */
function moduleWith(files: Readonly<Record<string, string>>): string {
  const directory = scratchDirectory();
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${text}\n`);
  }
  return directory;
}

describe('the facts about ZFS', () => {
  it('is what the kernel module is set to, and the size of a record', async () => {
    const module = moduleWith({
      version: '2.3.2-2',
      'parameters/zfs_bclone_enabled': '1',
      'parameters/zfs_bclone_wait_dirty': '0',
    });
    const directory = scratchDirectory();
    expect(await lookAtZfs(directory, module)).toEqual({
      version: '2.3.2-2',
      blockCloning: true,
      waitsForDirtyData: false,
      recordSize: statfsSync(directory).bsize,
    });
  });

  it('is less before OpenZFS 2.2', async () => {
    const module = moduleWith({ version: '2.1.11-1' });
    const found = await lookAtZfs(scratchDirectory(), module);
    expect(found).toMatchObject({ version: '2.1.11-1' });
    expect(Object.keys(found)).toEqual(['version', 'recordSize']);
  });
});

describe('advice on ZFS', () => {
  const best: ZfsReport = {
    version: '2.3.2-2',
    blockCloning: true,
    waitsForDirtyData: true,
    recordSize: 16 * KIB,
  };

  it('is not needed where everything is set', () => {
    expect(adviseOnZfs(best, true)).toEqual([]);
  });

  it.each([
    [
      'data that are not written',
      { waitsForDirtyData: false },
      true,
      /^Set zfs_bclone_wait_dirty=1 .* guest/,
    ],
    [
      'large records',
      { recordSize: 128 * KIB },
      true,
      /recordsize=16K.* 16\.00 KiB .* record of 128\.00 KiB/,
    ],
    ['small records', { recordSize: 8 * KIB }, true, /recordsize=16K.* 8\.00 KiB/],
    ['cloning that is off', { blockCloning: false }, false, /^Set zfs_bclone_enabled=1 .*zfs\.conf/],
    ['a pool of earlier versions', {}, false, /feature@block_cloning=enabled POOL/],
  ])('says what to set, in one sentence: %s', (_, difference, canShareBlocks, sentence) => {
    expect(adviseOnZfs({ ...best, ...difference }, canShareBlocks)).toEqual([
      expect.stringMatching(sentence),
    ]);
  });

  it('names the version that is needed', () => {
    expect(adviseOnZfs({ version: '2.1.11-1', recordSize: 128 * KIB }, false)).toEqual([
      'Use OpenZFS 2.2 or newer: 2.1.11-1 has no block cloning',
    ]);
  });
});
