import { readFileSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import { expectSameBytes, flipByte, KIB, MIB, readAt, writeAt } from '../helpers/bytes.ts';
import { mustRun, run } from '../helpers/command.ts';
import { damagedRepository } from '../helpers/damaged-repository.ts';
import { expectFailure } from '../helpers/failure.ts';
import { describeWith } from '../helpers/needs.ts';
import { PROGRAM, type TestRepository } from '../helpers/repository.ts';

const blockBytes = 256 * KIB;
/** In the first, the third and fourth, and the last block; one byte each. */
const flips = [1000, 2 * blockBytes, 4 * blockBytes - 1, 33 * MIB + 99];
const badOffsets = [0, 2 * blockBytes, 3 * blockBytes, 33 * MIB];

describeWith(['command b3sum'], 'a damaged image', () => {
  it('is not restored, and the bad ranges are named', async () => {
    const { scratch, repository, record } = await damagedRepository(flips);
    const [fresh, existing] = [join(scratch, 'fresh'), join(scratch, 'existing')];
    writeFileSync(existing, 'untouched', { mode: 0o600 });

    for (const target of [fresh, existing])
      await expectFailure(repository.backy, ['restore', target], {
        code: 'BACKY_IMAGE_DAMAGED',
        says: [
          repository.path(record.uuid),
          'bytes 0-262143 (256.00 KiB), bytes 524288-1048575 (512.00 KiB), bytes 34603008-34603107 (100 B)',
          '--force',
        ],
      });

    expect(readFileSync(existing, 'utf8')).toBe('untouched');
    await mustRun('test', ['!', '-e', fresh]);
  });

  it('restores the good blocks with --force, and lists the bad ones', async () => {
    const { scratch, repository } = await damagedRepository(flips);
    const expected = join(scratch, 'expected');
    await mustRun('cp', [repository.source, expected]);
    for (const offset of badOffsets)
      writeAt(expected, offset, Buffer.alloc(Math.min(blockBytes, 33 * MIB + 100 - offset)));
    const target = join(scratch, 'target');

    const { exitCode, stderr } = await repository.backy('restore', '--force', target);

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^backy: Not everything was restored from .*bytes 0-262143 .*\n$/);
    await expectSameBytes(target, expected);
    rmSync(target);
    const json = await repository.backy('--json', 'restore', '--force', target);
    const { code, details } = JSON.parse(json.stderr.trimEnd());
    expect(code).toBe('BACKY_RESTORE_INCOMPLETE');
    expect(details.badBlocks).toMatchObject(badOffsets.map((offset) => ({ offset })));
  });

  it('ends a stream before the first bad byte, with an error', async () => {
    const { scratch, repository } = await damagedRepository(flips);
    // Flipped again, the first block is good.
    flipByte(repository.path('last'), flips[0] ?? 0);
    const target = join(scratch, 'stream');
    const command = '"$0" "$1" -b "$2" restore - >"$3"';
    const args = ['-c', command, process.execPath, PROGRAM, repository.directory, target];

    expect(await run('sh', args)).toMatchObject({ exitCode: 1 });

    const streamed = readFileSync(target);
    expect(streamed.length).toBeLessThanOrEqual(2 * blockBytes);
    expect(streamed.equals(readAt(repository.source, 0, streamed.length))).toBe(true);
  });

  it('is verified to the end: every bad block with offset, length and both hashes', async () => {
    const { repository, record, good } = await damagedRepository(flips);

    const { exitCode, stdout } = await repository.backy('verify');

    expect(exitCode).toBe(1);
    const lines = await Promise.all(badOffsets.map((offset) => badBlockLine(repository, record, offset)));
    expect(stdout.replace(/^.* all of them in .*\n/m, '').split('\n')).toEqual([
      `${good.uuid} good       33.00 MiB`,
      `${record.uuid} bad        33.00 MiB  4 bad blocks`,
      ...lines,
      '',
    ]);
  });

  it('is distrusted from then on: links, default restore and next parent avoid it', async () => {
    const { scratch, repository, record, good } = await damagedRepository(flips);
    await repository.backy('verify');

    expect((await repository.status()).revisions).toMatchObject([
      { uuid: good.uuid, trust: 'verified' },
      { uuid: record.uuid, trust: 'distrusted' },
    ]);
    expect(readlinkSync(repository.path('last'))).toBe(good.uuid);
    const target = join(scratch, 'target');
    expect(await repository.backy('restore', target)).toMatchObject({ exitCode: 0 });
    await expectSameBytes(target, repository.path(good.uuid));
    const next = await repository.backup();
    expect(next.parent).toBe(good.uuid);
    await expectSameBytes(repository.path(next.uuid), repository.source);
  });

  it('is noticed if it is longer, shorter or missing', async () => {
    const { repository, record } = await damagedRepository();
    const image = repository.path(record.uuid);
    for (const size of [34 * MIB, 32 * MIB]) {
      truncateSync(image, size);
      expect(await repository.verify()).toMatchObject({
        good: false,
        verdicts: [{ verdict: 'good' }, { uuid: record.uuid, verdict: 'bad' }],
      });
    }
    rmSync(image);

    expect(await repository.verify()).toMatchObject({
      good: false,
      verdicts: [{ verdict: 'good' }],
      damaged: [{ uuid: record.uuid, reason: expect.stringContaining('image is missing') }],
    });
    const { uuid } = await repository.backup();
    await expectSameBytes(repository.path(uuid), repository.source);
  });
});

async function badBlockLine(
  repository: TestRepository,
  { uuid, size }: RevisionRecord,
  offset: number,
): Promise<string> {
  const length = Math.min(blockBytes, size - offset);
  const [expected, found] = await Promise.all(
    [repository.source, repository.path(uuid)].map((path) => hashOf(path, offset, length)),
  );
  return `${uuid} offset=${offset} length=${length} expected=${expected} found=${found}`;
}

async function hashOf(path: string, offset: number, length: number): Promise<string> {
  const part = 'tail -c "+$2" "$1" | head -c "$3" | b3sum --no-names';
  return (await mustRun('sh', ['-c', part, 'sh', path, String(offset + 1), String(length)])).trim();
}
