import { linkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { overlap, placesOf } from '../../../../src/operations/restore/places.ts';
import { scratchDirectory } from '../../scratch.ts';

const [disk, first, second] = [{ device: '8:0' }, { device: '8:1' }, { device: '8:2' }];

describe('places', () => {
  it('overlap when one is the other, or a part of it', () => {
    expect(overlap([disk], [disk])).toBe(true);
    expect(overlap([first, disk], [disk])).toBe(true);
    expect(overlap([disk], [first, disk])).toBe(true);
  });

  it('do not overlap when both are parts of one', () => {
    expect(overlap([first, disk], [second, disk])).toBe(false);
    expect(overlap([], [disk])).toBe(false);
    expect(overlap([disk], [])).toBe(false);
    expect(overlap([], [])).toBe(false);
    expect(overlap([{ device: '8:0', inode: '5' }], [disk])).toBe(false);
  });

  it('do not overlap when a new file has the inode of a removed one', () => {
    const [file, other] = [
      { ...disk, inode: '5', birth: '1' },
      { ...disk, inode: '5', birth: '2' },
    ];
    expect(overlap([file], [other])).toBe(false);
    expect(overlap([file], [{ ...disk, inode: '5' }])).toBe(true);
  });

  it('are those of the file itself, under all its names', async () => {
    const scratch = scratchDirectory();
    const [file, link, symbolic] = ['file', 'link', 'symbolic'].map((name) => join(scratch, name));
    writeFileSync(file ?? '', 'x');
    linkSync(file ?? '', link ?? '');
    symlinkSync('file', symbolic ?? '');
    const places = await placesOf(file ?? '');
    expect(places).toEqual([
      {
        device: expect.stringMatching(/^\d+:\d+$/),
        inode: expect.stringMatching(/^\d+$/),
        birth: expect.stringMatching(/^\d+$/),
      },
    ]);
    expect(await placesOf(link ?? '')).toEqual(places);
    expect(await placesOf(symbolic ?? '')).toEqual(places);
    expect(await placesOf(join(scratch, 'missing'))).toEqual([]);
  });
});
