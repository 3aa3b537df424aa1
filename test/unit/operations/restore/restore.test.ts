import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { ioError } from '../../../../src/io-error.ts';
import { restore } from '../../../../src/operations/restore/restore.ts';
import { find } from '../../../../src/operations/status/find.ts';
import { isoDay, makeRecord, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';

function bench(): Workbench {
  const made = workbench();
  made.add(makeRecord({ uuid: revisionId(0), timestamp: isoDay(0), trust: 'verified' }));
  made.add(makeRecord({ uuid: revisionId(1), timestamp: isoDay(1), trust: 'distrusted' }));
  return made;
}

function restoreOptions({ engine }: Workbench): unknown {
  return engine.calls.find(([method]) => method === 'restoreImage')?.[1];
}

const inRepository = { code: 'BACKY_TARGET_IN_REPOSITORY' };

describe('restore', () => {
  it('takes the newest good revision by default', async () => {
    const made = bench();
    const target = join(made.directory, '../out.img');
    const result = await restore(made.context, { target });
    expect(result).toMatchObject({
      record: { uuid: revisionId(0) },
      size: 1 << 20,
      bytesWritten: 2,
      checked: true,
      targetKind: 'new',
    });
    expect(restoreOptions(made)).toEqual({
      image: join(made.directory, revisionId(0)),
      index: join(made.directory, `${revisionId(0)}.hashes`),
      size: 1 << 20,
      digest: 'ab'.repeat(32),
      force: false,
      target,
    });
    expect(made.engine.locks.size).toBe(0);
  });

  it('warns of a distrusted revision', async () => {
    const made = bench();
    await restore(made.context, { revision: '0', target: join(made.directory, '../out.img') });
    expect(made.warnings()).toEqual([`revision ${revisionId(1)} is distrusted`]);
  });

  it('does so as well where only the path is asked for', async () => {
    const made = bench();
    expect((await find(made.context, 'last')).image).toBe(join(made.directory, revisionId(0)));
    expect(made.warnings()).toEqual([]);
    await find(made.context, '0');
    expect(made.warnings()).toEqual([`revision ${revisionId(1)} is distrusted`]);
  });

  it('takes a distrusted revision rather than none, with a warning', async () => {
    const made = bench();
    writeFileSync(join(made.directory, `${revisionId(0)}.rev`), 'damaged');
    const { record } = await restore(made.context, { target: join(made.directory, '../out.img') });
    expect(record.uuid).toBe(revisionId(1));
    expect(made.warnings()).toHaveLength(1);
  });

  it('takes - for standard output, and descriptors', async () => {
    const made = bench();
    await restore(made.context, { target: '-' });
    expect(restoreOptions(made)).toMatchObject({ targetFd: 1 });
    expect(restoreOptions(made)).not.toHaveProperty('target');
  });

  it('names the descriptor that cannot be written', async () => {
    const made = bench();
    const reading = openSync(made.source, 'r');
    const writing = openSync(join(made.directory, '../out.img'), 'w');
    const attempt = restore(made.context, { target: { fd: reading } });
    await expect(attempt).rejects.toMatchObject({
      code: 'BACKY_IO',
      message: `Cannot write descriptor ${reading}: it is closed, or not open for that (EBADF)`,
    });
    made.engine.failures.set(
      'restoreImage',
      ioError({ path: 'standard output', syscall: 'write', errnoName: 'ENOSPC' }),
    );
    await expect(restore(made.context, { target: { fd: writing } })).rejects.toMatchObject({
      message: `Cannot write descriptor ${writing}: no space left (ENOSPC)`,
      details: { errno: 'ENOSPC', syscall: 'write' },
    });
    for (const file of [reading, writing]) closeSync(file);
  });

  it('is never a success when ranges were left out (I26)', async () => {
    const made = bench();
    const badBlocks = [{ offset: 262144, length: 262144, expected: 'aa', error: 'EIO' }];
    made.engine.restoreStats = { badBlocks };
    const attempt = restore(made.context, { target: join(made.directory, '../out.img'), force: true });
    await expect(attempt).rejects.toMatchObject({
      code: 'BACKY_RESTORE_INCOMPLETE',
      message: expect.stringContaining('bytes 262144-524287'),
      details: { badBlocks },
    });
  });

  it('keeps files from being purged meanwhile (I24)', async () => {
    const made = bench();
    made.engine.locks.set(join(made.directory, '.purge'), 'exclusive');
    setTimeout(() => made.engine.locks.delete(join(made.directory, '.purge')), 150);
    await restore(made.context, { target: join(made.directory, '../out.img') });
    expect(made.engine.calls.filter(([method]) => method === 'lockFile').length).toBeGreaterThan(1);
  });

  it('takes as much of the machine as it is told', async () => {
    const made = bench();
    const restoreImage = vi.spyOn(made.engine, 'restoreImage');
    const target = join(made.directory, '../out.img');
    await restore(made.context, { target, rate: 7, idle: true });
    expect(restoreImage.mock.lastCall?.[1]).toMatchObject({ rate: 7, idle: true });
    const attempt = restore(made.context, { target, rate: 0.5 });
    await expect(attempt).rejects.toMatchObject({ code: 'BACKY_INVALID_ARGUMENT' });
  });
});

describe('a clone', () => {
  it('is asked of the engine, and nobody is told that it was checked', async () => {
    const made = bench();
    const target = join(made.directory, '../out.img');
    made.engine.restoreStats = { targetKind: 'clone' };
    const result = await restore(made.context, { target, clone: true });
    expect(result).toMatchObject({ record: { uuid: revisionId(0) }, checked: false, targetKind: 'clone' });
    expect(restoreOptions(made)).toMatchObject({ targetClone: target, digest: 'ab'.repeat(32) });
    expect(restoreOptions(made)).not.toHaveProperty('target');
  });

  it.each(['-', 'rbd:pool/image', { fd: 1 }])('is none of %s', async (target) => {
    const made = bench();
    await expect(restore(made.context, { target, clone: true })).rejects.toMatchObject({
      code: 'BACKY_CLONE_REFUSED',
      message: expect.stringContaining('it is no file'),
    });
    expect(restoreOptions(made)).toBeUndefined();
  });

  it('is none of a distrusted revision, and knows of no force', async () => {
    const made = bench();
    const target = join(made.directory, '../out.img');
    await expect(restore(made.context, { target, clone: true, revision: '0' })).rejects.toMatchObject({
      code: 'BACKY_CLONE_REFUSED',
      message: expect.stringContaining(`${revisionId(1)} is distrusted`),
    });
    await expect(restore(made.context, { target, clone: true, force: true })).rejects.toMatchObject({
      code: 'BACKY_INVALID_ARGUMENT',
    });
    expect(restoreOptions(made)).toBeUndefined();
  });

  it('is none in the repository', async () => {
    const made = bench();
    const attempt = restore(made.context, { target: join(made.directory, 'new.img'), clone: true });
    await expect(attempt).rejects.toMatchObject(inRepository);
  });
});

describe('targets that are refused', () => {
  it.each(['config', 'new.img', '..new.img', revisionId(0), 'last', 'sub/new.img', '.'])(
    '%s of the repository',
    async (name) => {
      const made = bench();
      mkdirSync(join(made.directory, 'sub'));
      symlinkSync(revisionId(0), join(made.directory, 'last'));
      await expect(restore(made.context, { target: join(made.directory, name) })).rejects.toMatchObject(
        inRepository,
      );
      expect(restoreOptions(made)).toBeUndefined();
    },
  );

  it('the repository by other ways: links to it, links in it, hard links, descriptors', async () => {
    const made = bench();
    const outside = join(made.directory, '..');
    symlinkSync(made.directory, join(outside, 'alias'));
    symlinkSync(join(made.directory, revisionId(1)), join(outside, 'symbolic'));
    linkSync(join(made.directory, revisionId(1)), join(outside, 'hard'));
    for (const name of ['alias/new.img', 'symbolic', 'hard']) {
      await expect(restore(made.context, { target: join(outside, name) })).rejects.toMatchObject(
        inRepository,
      );
    }
    const fd = openSync(join(outside, 'hard'), 'r+');
    await expect(restore(made.context, { target: { fd } })).rejects.toMatchObject(inRepository);
    closeSync(fd);
    expect(restoreOptions(made)).toBeUndefined();
  });

  it('a sealed image of another repository, whatever leads to it, and whatever else is there', async () => {
    const [made, other] = [bench(), bench()];
    writeFileSync(join(other.directory, '.backup'), '');
    symlinkSync(revisionId(0), join(other.directory, 'last'));
    symlinkSync(join(other.directory, 'last'), join(made.directory, '../link'));
    mkdirSync(join(other.directory, 'sub'));
    const targets = [join(other.directory, 'last'), join(made.directory, '../link')];
    for (const name of [revisionId(0), 'config', 'new.img', 'sub/new.img'])
      targets.push(join(other.directory, name));
    for (const target of targets)
      await expect(restore(made.context, { target })).rejects.toMatchObject({
        ...inRepository,
        details: { path: target, repository: realpathSync(other.directory) },
      });
    expect(restoreOptions(made)).toBeUndefined();
  });

  it.each(['.rev', '.hashes'])('an image that was copied away with its %s', async (suffix) => {
    const made = bench();
    const copy = join(made.directory, '..', revisionId(7));
    writeFileSync(copy, 'image');
    writeFileSync(copy + suffix, '');
    await expect(restore(made.context, { target: copy })).rejects.toMatchObject(inRepository);
    rmSync(copy + suffix);
    await restore(made.context, { target: copy });
  });

  it('a link that leads nowhere, before anything is written', async () => {
    const made = bench();
    const link = join(made.directory, '../link');
    symlinkSync('nowhere.img', link);
    await expect(restore(made.context, { target: link })).rejects.toMatchObject({
      code: 'BACKY_IO',
      message: expect.stringMatching(
        / to .*\/link: it is a symbolic link to .*\/nowhere\.img, which does not/,
      ),
      remedy: 'Create that file, or remove the link, and restore again',
    });
    expect(restoreOptions(made)).toBeUndefined();
    writeFileSync(join(made.directory, '../nowhere.img'), '');
    await restore(made.context, { target: link });
  });

  it('but not files whose names merely begin alike, nor the source', async () => {
    const made = bench();
    mkdirSync(`${made.directory}-other`);
    writeFileSync(`${made.directory}-other/config`, 'of some other program');
    for (const target of [`${made.directory}-other/new.img`, made.source]) {
      await restore(made.context, { target });
    }
    expect(made.engine.calls.filter(([method]) => method === 'restoreImage')).toHaveLength(2);
  });

  it('a directory that does not exist', async () => {
    const made = bench();
    const attempt = restore(made.context, { target: join(made.directory, '../no/such/place.img') });
    await expect(attempt).rejects.toMatchObject({ code: 'BACKY_IO', details: { errno: 'ENOENT' } });
  });

  it('a revision that is not there', async () => {
    const made = bench();
    const target = join(made.directory, '../out.img');
    const attempt = restore(made.context, { revision: '7', target });
    await expect(attempt).rejects.toMatchObject({ code: 'BACKY_REVISION_UNKNOWN' });
  });
});
