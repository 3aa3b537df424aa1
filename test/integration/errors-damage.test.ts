import { chmodSync, readFileSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import {
  expectSameBytes,
  flipByte,
  KIB,
  MIB,
  makeSparseFile,
  randomBytes,
  readAt,
  writeAt,
} from '../helpers/bytes.ts';
import { mustRun, run } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, filesOf, PROGRAM, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const blockBytes = 256 * KIB;
/** In the first, the third and fourth, and the last block; one byte each. */
const flips = [1000, 2 * blockBytes, 4 * blockBytes - 1, 33 * MIB + 99];
const badOffsets = [0, 2 * blockBytes, 3 * blockBytes, 33 * MIB];

describeWith(['command b3sum'], 'a damaged image', () => {
  it('is not restored, and the bad ranges are named', async () => {
    const { scratch, repository, record } = await damagedRepository();
    const [fresh, existing] = [join(scratch, 'fresh'), join(scratch, 'existing')];
    writeFileSync(existing, 'untouched');

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

  it('gives what is good of it by force, and says what is not', async () => {
    const { scratch, repository } = await damagedRepository();
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
    const { scratch, repository } = await damagedRepository();
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
    const { repository, record, good } = await damagedRepository();

    const { exitCode, stdout } = await repository.backy('verify');

    expect(exitCode).toBe(1);
    const lines = await Promise.all(badOffsets.map((offset) => badBlockLine(repository, record, offset)));
    expect(stdout.split('\n')).toEqual([
      `${good.uuid} good       33.00 MiB`,
      `${record.uuid} bad        33.00 MiB  4 bad blocks`,
      ...lines,
      '',
    ]);
  });

  it('is distrusted from then on: links, default restore and next parent avoid it', async () => {
    const { scratch, repository, record, good } = await damagedRepository();
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

  it('is noticed when it is longer, shorter or gone', async () => {
    const { repository, record } = await damagedRepository({ at: [] });
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

describe('a damaged index', () => {
  it('vouches for nothing, and costs the next backup time but no data', async () => {
    const { scratch, repository, record } = await damagedRepository({ at: [] });
    const index = repository.path(`${record.uuid}.hashes`);
    flipByte(index, 100);

    await expectFailure(repository.backy, ['restore', '--force', join(scratch, 'target')], {
      code: 'BACKY_INDEX_DAMAGED',
      says: [index],
    });
    const next = await repository.backup();
    expect(next.stats.fallback).toContain('index of the parent');
    await expectSameBytes(repository.path(next.uuid), repository.source);
    expect((await repository.verify()).verdicts).toMatchObject([
      { verdict: 'good' },
      { verdict: 'bad', problem: expect.stringContaining(index) },
      { verdict: 'good' },
    ]);
  });
});

describe('a damaged record', () => {
  const damages = [
    { damage: (text: string) => text.slice(0, 100), reason: 'JSON' },
    { damage: () => '', reason: 'JSON' },
    { damage: replace('"formatVersion": 1', '"formatVersion": 9'), reason: 'format' },
    { damage: replace('"uuid": "0', '"uuid": "1'), reason: 'uuid' },
    { damage: replace('"size": ', '"size": -'), reason: 'size' },
  ];

  it('spoils that revision alone, and is kept', async () => {
    const { scratch, repository, record, good } = await damagedRepository({ at: [] });
    const path = repository.path(`${record.uuid}.rev`);
    const text = readFileSync(path, 'utf8');
    for (const { damage, reason } of damages) {
      writeFileSync(path, damage(text));
      const { stdout } = await repository.backy('status');
      expect(stdout).toMatch(new RegExp(`^- +${record.uuid} .*  damaged  .*${reason}`, 'm'));
      expect(stdout).toMatch(/^1 revision\n1 damaged revision$/m);
    }

    const target = join(scratch, 'target');
    expect(await repository.backy('restore', '-r', '0', target)).toMatchObject({ exitCode: 0 });
    await expectSameBytes(target, repository.path(good.uuid));
    expect((await repository.backup()).parent).toBe(good.uuid);
    expect(repository.revisionFiles()).toEqual(expect.arrayContaining([...filesOf(record)]));
    expect(await repository.verify()).toMatchObject({ good: false, damaged: [{ uuid: record.uuid }] });
  });
});

function replace(text: string, replacement: string) {
  return (whole: string): string => {
    if (!whole.includes(text)) throw new Error(`the record does not say ${text}`);
    return whole.replace(text, replacement);
  };
}

/** A good revision and a later one of other bytes, with a byte flipped at each of the offsets. */
async function damagedRepository({ at }: { at: readonly number[] } = { at: flips }) {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, 33 * MIB + 100);
  const repository = await createRepository(join(scratch, 'repository'), source);
  const good = await repository.backup();
  writeAt(source, 0, randomBytes(2 * MIB));
  writeAt(source, 33 * MIB, randomBytes(100));
  const record = await repository.backup();
  for (const name of filesOf(record)) chmodSync(repository.path(name), 0o600);
  for (const offset of at) flipByte(repository.path(record.uuid), offset);
  return { scratch, repository, record, good };
}

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
