import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { errnoTable, fromNodeError, ioError, isIoError, isNodeError } from '../../src/io-error.ts';

async function thrown(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );
}

describe('ioError', () => {
  it('says what could not be done with which file and why', () => {
    const error = ioError({ path: '/repo/x', syscall: 'pwrite', errnoName: 'ENOSPC', offset: 4096 });
    expect(error.message).toBe('Cannot write /repo/x: no space left (ENOSPC) at byte 4096');
    expect(error.remedy).toMatch(/Free some space/);
    expect(error.details).toMatchObject({
      path: '/repo/x',
      syscall: 'pwrite',
      errno: 'ENOSPC',
      offset: 4096,
    });
  });

  it('makes do with an error number it does not know', () => {
    expect(ioError({ path: '/x', syscall: 'splice', errnoName: 'EXOTIC' }).message).toBe(
      'Cannot splice /x: EXOTIC',
    );
    expect(ioError({}).message).toBe('Cannot use a file: unknown error');
  });

  it.each([
    'ENOSPC',
    'EDQUOT',
    'EROFS',
    'EACCES',
    'EPERM',
    'ENOENT',
    'EIO',
    'EPIPE',
    'EMFILE',
    'ELOOP',
    'EEXIST',
    'EISDIR',
  ])('knows what helps against %s', (errno) => {
    expect(errnoTable().get(errno)?.advice).toMatch(/^[A-Z].*[^.]$/);
  });
});

describe('errors of node:fs', () => {
  it('become BACKY_IO with the cause kept', async () => {
    const cause = await thrown(readFile('/does/not/exist'));
    const error = fromNodeError(cause);
    expect(isIoError(error, 'ENOENT')).toBe(true);
    expect(error).toMatchObject({
      message: 'Cannot open /does/not/exist: it does not exist (ENOENT)',
      cause,
    });
  });

  it('are told from others', async () => {
    const cause = await thrown(readFile('/'));
    expect([isNodeError(cause), isNodeError(cause, 'EISDIR'), isNodeError(cause, 'ENOENT')]).toEqual([
      true,
      true,
      false,
    ]);
    const other = new TypeError('a bug');
    expect([isNodeError(other), fromNodeError(other)]).toEqual([false, other]);
  });
});
