import { describe, expect, it } from 'vitest';
import { initRepository, openRepository, type Repository, statusOfAll } from '../../../src/index.ts';
import { makeRecord } from '../records.ts';
import { type Workbench, workbench } from './workbench.ts';

/** Calls with what no compiler would let pass. */
const MISTAKES: readonly (readonly [string, readonly unknown[], string])[] = [
  ['backup', [null], 'options is null, not an object'],
  ['backup', [{ idle: 'x' }], "idle is 'x', not true or false"],
  ['backup', [{ tags: 'daily' }], "tags is 'daily', not an array of strings"],
  ['backup', [{ tags: [] }], 'tags is empty; leave it out for those that are due'],
  ['backup', [{ onProgress: 1 }], 'onProgress is 1, not a function'],
  ['backup', [{ signal: {} }], 'signal is {}, not an AbortSignal'],
  ['backup', [{ slot: '2026-01-31' }], "slot is '2026-01-31', not a Date of a year from 1970 to 9999"],
  ['backup', [{ slot: new Date(Number.NaN) }], 'slot is Invalid Date, not a Date'],
  ['backup', [{ tag: ['daily'] }], "there is no option 'tag': did you mean tags?"],
  ['backup', [{ revision: 'last' }], "there is no option 'revision'"],
  ['expire', [{ dryrun: true }], "there is no option 'dryrun': did you mean dryRun?"],
  [
    'forget',
    [{ revisions: '0', wipe: true }],
    "there is no option 'wipe': this call takes revisions, dryRun, evenTheLast",
  ],
  ['purge', [{ dryRunn: undefined }], "there is no option 'dryRunn': did you mean dryRun?"],
  ['distrust', ['0', { toString: 1 }], "there is no option 'toString'"],
  ['restore', [], 'options is undefined, not an object'],
  ['restore', [{}], 'target is undefined, not a path or { fd } of an open descriptor'],
  ['restore', [{ target: undefined }], 'target is undefined, not a path'],
  ['restore', [{ target: 'a\0b' }], "target is 'a\\x00b', not a path"],
  ['restore', [{ target: '' }], "target is '', not a path"],
  ['restore', [{ target: { fd: -1 } }], 'target is { fd: -1 }, not a path'],
  ['restore', [{ target: 'x', revision: 0 }], 'revision is 0, not a string'],
  ['verify', [{ revisions: ['0'] }], "revisions is [ '0' ], not a string"],
  ['find', [], 'spec is undefined, not a string'],
  ['forget', [{}], 'revisions is undefined, not a string'],
  ['undelete', [7], 'spec is 7, not a string'],
  ['editTags', [{ action: 'drop', tags: [] }], "action is 'drop', not set, add or remove"],
  ['hold', [{ reason: 'x', until: '2030-01-01' }], "until is '2030-01-01', not a Date"],
  ['release', [null], 'spec is null, not a string'],
  ['simulate', [{}], 'days is undefined, not a whole number from 1 to 36525'],
  ...[Number.POSITIVE_INFINITY, Number.NaN, -2, 0, 1.5, 36_526].map(
    (days) => ['simulate', [{ days }], `days is ${days}, not a whole number from 1 to 36525`] as const,
  ),
];

describe('a call from outside', () => {
  it.each(MISTAKES)('is refused when it is %s(%j)', async (name, args, detail) => {
    const bench = benchWithOne();
    const repository = await open(bench);

    const attempt: unknown = Reflect.apply(Reflect.get(repository, name), repository, args);

    expect(attempt).toBeInstanceOf(Promise);
    await expect(attempt).rejects.toMatchObject({
      name: 'BackyError',
      code: 'BACKY_INVALID_ARGUMENT',
      message: expect.stringContaining(`An argument is not valid: ${detail}`),
    });
    expect(bench.engine.calls).toEqual([]);
  });

  it('is refused with the path of no directory, and without a source', async () => {
    const code = 'BACKY_INVALID_ARGUMENT';
    await expect(openRepository('a\0b')).rejects.toMatchObject({ code });
    await expect(statusOfAll('')).rejects.toMatchObject({ code });
    const options: { readonly type: string; readonly filename: string } = JSON.parse('{"type": "file"}');
    await expect(initRepository('a', options)).rejects.toMatchObject({
      code,
      message: 'An argument is not valid: filename is undefined, not a path',
    });
  });

  it('is refused with a misspelt dependency', async () => {
    const { directory } = benchWithOne();
    const dependencies: object = { logger: () => {} };
    await expect(openRepository(directory, dependencies)).rejects.toMatchObject({
      code: 'BACKY_INVALID_ARGUMENT',
      message:
        "An argument is not valid: there is no option 'logger': this call takes clock, log, engine, trustRepository, signal",
    });
  });

  it('may leave out what has a default, or say undefined', async () => {
    const repository = await open(benchWithOne());
    await expect(repository.verify({ revisions: undefined, signal: undefined })).resolves.toMatchObject({
      good: true,
    });
    await expect(repository.release()).resolves.toMatchObject({ changed: 0 });
    await expect(repository.expire()).resolves.toMatchObject({ dryRun: false });
  });
});

function benchWithOne(): Workbench {
  const bench = workbench();
  bench.add(makeRecord());
  return bench;
}

function open({ directory, context: { clock, engine } }: Workbench): Promise<Repository> {
  return openRepository(directory, { clock, engine });
}
