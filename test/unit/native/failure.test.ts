import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isFailure, toBackyError, unwrap } from '../../../src/native/failure.ts';

const base = {
  failed: true,
  message: 'words of the engine',
  path: '/x',
  offset: 4096,
  pid: 42,
  detail: 'why',
} as const;

describe('toBackyError', () => {
  const engine = readFileSync(
    resolve(import.meta.dirname, '../../../crates/backy-core/src/error.rs'),
    'utf8',
  );
  const codes = engine.match(/BACKY_[A-Z_]+/g) ?? [];

  const badBlocks = [{ offset: 0, length: 262144, expected: 'aa', found: 'bb' }];

  it.each(codes)('has words for %s, with no gap in them', (code) => {
    const error = toBackyError(
      { ...base, code, badBlocks },
      { work: 'backup', aftermath: 'gone', size: '1.00 GiB' },
    );
    expect(error.code).toBe(code);
    expect(`${error.message} ${error.remedy}`).not.toMatch(/undefined|null|NaN|[{}]| {2}/);
  });

  it('names the damaged ranges, and gives all blocks to programs', () => {
    const error = toBackyError({ ...base, code: 'BACKY_IMAGE_DAMAGED', badBlocks });
    expect(error).toMatchObject({
      message: expect.stringContaining('bytes 0-262143'),
      details: { badBlocks },
    });
  });

  it('says what is wrong with an image as a whole', () => {
    const error = toBackyError({ ...base, code: 'BACKY_IMAGE_DAMAGED', detail: 'it has 9 bytes too many' });
    expect(error.message).toMatch(/is damaged: it has 9 bytes too many$/);
  });

  it('names who has a target open, and what protects it', () => {
    const holders = [{ kind: 'swap', name: '/x' }] as const;
    expect(toBackyError({ ...base, code: 'BACKY_TARGET_BUSY', holders: [...holders] })).toMatchObject({
      message: 'The target /x is in use: the kernel swaps to it',
      remedy: 'Switch it off with "swapoff /x", or restore to another target',
      details: { heldBy: holders },
    });
    const remedies = ['device', 'immutable', 'append-only', 'verity'].map(
      (detail) => toBackyError({ ...base, code: 'BACKY_TARGET_PROTECTED', detail }).remedy,
    );
    expect(remedies).toEqual([
      expect.stringContaining('blockdev --setrw /x'),
      'Lift that with "chattr -i /x", or restore to another target',
      'Lift that with "chattr -a /x", or restore to another target',
      'Remove it, or restore to another target',
    ]);
  });

  it('calls a failing pipe standard output', () => {
    const failure = { ...base, code: 'BACKY_IO', path: '-', syscall: 'write', errnoName: 'EPIPE' };
    expect(toBackyError(failure).message).toMatch(
      /^Cannot write standard output: the reader went away \(EPIPE\)/,
    );
  });

  it('takes what it does not know for a defect, and says what it was', () => {
    const error = toBackyError({ failed: true, code: 'BACKY_FUTURE', message: 'm' });
    expect(error).toMatchObject({ code: 'BACKY_PANIC', message: expect.stringContaining('BACKY_FUTURE: m') });
  });
});

it('tells failures from results', () => {
  expect([
    isFailure({ failed: true }),
    isFailure({ failed: false }),
    isFailure({}),
    isFailure(undefined),
  ]).toEqual([true, false, false, false]);
  expect(unwrap(undefined)).toBeUndefined();
  expect(unwrap({ value: 1 })).toEqual({ value: 1 });
  expect(() => unwrap({ ...base, code: 'BACKY_TARGET_BUSY' })).toThrow('The target /x is in use');
});
