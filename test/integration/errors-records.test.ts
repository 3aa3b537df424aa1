import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectSameBytes, flipByte } from '../helpers/bytes.ts';
import { damagedRepository } from '../helpers/damaged-repository.ts';
import { expectFailure } from '../helpers/failure.ts';
import { filesOf } from '../helpers/repository.ts';
import { unwrapped } from '../helpers/unwrapped.ts';

describe('a damaged index', () => {
  it('vouches for nothing, and costs the next backup time but no data', async () => {
    const { scratch, repository, record } = await damagedRepository();
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
    const { scratch, repository, record, good } = await damagedRepository();
    const path = repository.path(`${record.uuid}.rev`);
    const text = readFileSync(path, 'utf8');
    for (const { damage, reason } of damages) {
      writeFileSync(path, damage(text));
      const { stdout } = await repository.backy('status');
      expect(unwrapped(stdout)).toMatch(new RegExp(`^- +${record.uuid} .*  damaged +.*${reason}`, 'm'));
      expect(stdout).toMatch(
        /^1 revision\n.* data \(estimated\)\nmethod: .*\nsharing: .*\n1 damaged revision$/m,
      );
    }

    const target = join(scratch, 'target');
    expect(await repository.backy('restore', '-r', '0', target)).toMatchObject({ exitCode: 0 });
    await expectSameBytes(target, repository.path(good.uuid));
    expect((await repository.backup()).parent).toBe(good.uuid);
    expect(repository.revisionFiles()).toEqual(expect.arrayContaining([...filesOf(record)]));
    expect(await repository.verify()).toMatchObject({ good: false, damaged: [{ uuid: record.uuid }] });
    for (const args of [
      ['find', '-r', record.uuid],
      ['restore', '-r', record.uuid, target],
      ['hold', '-r', record.uuid, 'audit'],
    ])
      await expectFailure(repository.backy, args, { code: 'BACKY_RECORD_DAMAGED', says: [path, 'size'] });
    expect(await repository.backy('verify', '-r', record.uuid)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(`^${record.uuid} damaged  .*size`),
    });
  });
});

function replace(text: string, replacement: string) {
  return (whole: string): string => {
    if (!whole.includes(text)) throw new Error(`the record does not say ${text}`);
    return whole.replace(text, replacement);
  };
}
