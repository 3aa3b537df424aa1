import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ioError } from '../../../src/io-error.ts';
import { openContext } from '../../../src/operations/context.ts';
import { init } from '../../../src/operations/init.ts';
import { revisionId } from '../records.ts';
import { scratchDirectory } from '../scratch.ts';
import { type Workbench, workbench } from './workbench.ts';

/** A directory that is to become a repository, beside a source. */
function fresh(): Workbench & { readonly target: string } {
  const bench = workbench();
  const target = join(dirname(bench.directory), 'fresh');
  const context = {
    ...bench.context,
    layout: { ...bench.context.layout, directory: target, config: join(target, 'config') },
  };
  return { ...bench, context, target };
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

describe('init', () => {
  it('makes a private directory with a private configuration', async () => {
    const { context, target, source, log } = fresh();
    const result = await init(context, { type: 'file', filename: source });
    expect(result).toMatchObject({
      directory: target,
      tags: ['daily', 'weekly', 'monthly'],
      source: { filename: source },
    });
    expect([modeOf(target), modeOf(result.config)]).toEqual([0o700, 0o600]);
    expect(log).toEqual([['info', expect.stringContaining('created')]]);
    await expect(openContext(target)).resolves.toBeDefined();
  });

  it('makes every directory durable that it makes, or that a run has made which was killed', async () => {
    const { context, source, target, engine } = fresh();
    const deep = join(target, 'a/b');
    const layout = { ...context.layout, directory: deep, config: join(deep, 'config') };
    const durable = (): readonly unknown[] =>
      engine.calls.filter(([method]) => method === 'makeDirectory').map(([, path]) => path);
    const home = realpathSync(dirname(target));
    const lineage = [...['fresh/a/b', 'fresh/a', 'fresh'].map((name) => join(home, name)), home];

    await init({ ...context, layout }, { type: 'file', filename: source });
    expect(durable().slice(0, 4)).toEqual(lineage);

    rmSync(layout.config);
    await init({ ...context, layout }, { type: 'file', filename: source });
    expect(durable().slice(durable().length / 2)).toEqual(durable().slice(0, durable().length / 2));
  });

  it('does not mind a directory above that it may not read, unless it has made something there', async () => {
    const { context, source, target, engine } = fresh();
    engine.makeDirectory = async (path) => {
      if (path === realpathSync(target)) throw ioError({ path, syscall: 'open', errnoName: 'EACCES' });
    };
    await expect(init(context, { type: 'file', filename: source })).rejects.toMatchObject({
      details: { errno: 'EACCES' },
    });
    await init(context, { type: 'file', filename: source });
    expect(statSync(context.layout.config).isFile()).toBe(true);
  });

  it('keeps to the filesystem of its directory, wherever a link to it lies', async () => {
    const { context, source, target, engine } = fresh();
    const link = join(dirname(target), 'link');
    mkdirSync(target);
    symlinkSync(target, link);
    const layout = { ...context.layout, directory: link };
    await init({ ...context, layout }, { type: 'file', filename: source });
    const durable = engine.calls.filter(([method]) => method === 'makeDirectory').map(([, path]) => path);
    const home = realpathSync(dirname(target));
    expect(durable.slice(0, 2)).toEqual([join(home, 'fresh'), home]);
    expect(durable).not.toContain('/');
  });

  it('keeps links in the path of the source', async () => {
    const { context, target, source } = fresh();
    const link = join(dirname(source), 'current');
    symlinkSync(source, link);
    await init(context, { type: 'file', filename: join(dirname(source), '.', 'x', '..', 'current') });
    expect(readFileSync(join(target, 'config'), 'utf8')).toContain(`filename: ${link}\n`);
  });

  it('closes an empty directory of ours to others, lost+found aside', async () => {
    const { context, target, source } = fresh();
    mkdirSync(join(target, 'lost+found'), { recursive: true });
    chmodSync(target, 0o755);
    await init(context, { type: 'file', filename: source });
    expect(modeOf(target)).toBe(0o700);
  });

  it('leaves a directory with contents as open as it is, and says so', async () => {
    const bench = fresh();
    mkdirSync(bench.target);
    writeFileSync(join(bench.target, 'other'), '');
    chmodSync(bench.target, 0o755);
    await init(bench.context, { type: 'file', filename: bench.source, force: true });
    expect(modeOf(bench.target)).toBe(0o755);
    expect(bench.warnings()).toEqual([expect.stringContaining('chmod 700')]);
  });

  it.each([
    ['disk.img'],
    ['.tmp-1-2-3'],
    [revisionId(1)],
    [`${revisionId(1)}.partial`],
    [`${revisionId(1)}.hashes`],
    ['asErgTHJaw2WmhFbBVxEPB', 'asErgTHJaw2WmhFbBVxEPC'],
    ['config.yaml', 'lost+found'],
  ])('refuses a directory that holds %s, and takes it by force', async (...names) => {
    const bench = fresh();
    mkdirSync(bench.target);
    for (const name of names) writeFileSync(join(bench.target, name), 'mine');
    const options = { type: 'file', filename: bench.source };
    const refusal = init(bench.context, options);
    await expect(refusal).rejects.toMatchObject({ code: 'BACKY_DIRECTORY_OCCUPIED' });
    for (const name of names) await expect(refusal).rejects.toThrow(name);
    expect(readdirSync(bench.target)).toEqual([...names].sort());
    await init(bench.context, { ...options, force: true });
    for (const name of names) expect(readFileSync(join(bench.target, name), 'utf8')).toBe('mine');
  });

  it('names no more than some of what is in the way', async () => {
    const bench = fresh();
    mkdirSync(bench.target);
    for (let number = 10; number < 30; number += 1) writeFileSync(join(bench.target, `file-${number}`), '');
    const refusal = init(bench.context, { type: 'file', filename: bench.source });
    await expect(refusal).rejects.toThrow(/file-10, .+, file-14 and 15 more$/);
  });

  it('takes a directory that holds what belongs to a repository, as after the loss of its configuration', async () => {
    const bench = fresh();
    mkdirSync(bench.target);
    const of = (id: string): readonly string[] => [id, `${id}.hashes`, `${id}.rev`];
    const cutOff = [`${revisionId(2)}.rev.partial`, `${revisionId(2)}.partial`];
    const files = [...of(revisionId(1)), ...cutOff, 'asErgTHJaw2WmhFbBVxEPB', 'asErgTHJaw2WmhFbBVxEPB.rev'];
    const others = [
      'backy.log',
      'backy.log.1.gz',
      '.backup',
      '.purge',
      '.last-run',
      '.restoring',
      '.snapshots',
    ];
    for (const name of [...files, ...others]) writeFileSync(join(bench.target, name), '');
    for (const name of ['lost+found', '.trash', 'quarantine']) mkdirSync(join(bench.target, name));
    symlinkSync(revisionId(1), join(bench.target, 'last'));
    await init(bench.context, { type: 'file', filename: bench.source });
    expect(readdirSync(bench.target)).toContain('config');
  });

  it('accepts a source that is not there yet, with a warning', async () => {
    const bench = fresh();
    await init(bench.context, { type: 'file', filename: '/no/such/disk' });
    expect(bench.warnings()).toEqual([expect.stringContaining('/no/such/disk does not exist')]);
  });

  it('accepts a source beyond the size limit, with the warning that backups end with', async () => {
    const bench = fresh();
    bench.engine.describeSource = async () => ({ kind: 'file', size: 2 ** 51, busy: false });
    await init(bench.context, { type: 'file', filename: bench.source });
    const warning = `${bench.source} has 2.00 PiB, more than the limit of 1.00 PiB. Check that it is the right disk; `;
    expect(bench.warnings()).toEqual([expect.stringContaining(warning)]);
  });

  it('takes a logical volume by its name', async () => {
    const bench = fresh();
    const result = await init(bench.context, { type: 'lvm', filename: '/dev/no-such-group/web1' });
    expect(result).toMatchObject({ name: 'no-such-group/web1', source: { volumeGroup: 'no-such-group' } });
    expect(readFileSync(result.config, 'utf8')).toContain(
      'type: lvm\n  volume-group: no-such-group\n  volume: web1\n',
    );
    expect(bench.warnings()).toEqual([expect.stringContaining('backups will fail until it can be read')]);
  });

  it('refuses a second configuration and leaves the first', async () => {
    const { context, target, source } = fresh();
    await init(context, { type: 'file', filename: source });
    const before = readFileSync(join(target, 'config'), 'utf8');
    const again = init(context, { type: 'file', filename: '/other' });
    await expect(again).rejects.toMatchObject({
      code: 'BACKY_CONFIG_EXISTS',
      details: { path: join(target, 'config') },
    });
    expect(readFileSync(join(target, 'config'), 'utf8')).toBe(before);
  });

  it('loses a race against another init', async () => {
    const bench = fresh();
    const { createFile } = bench.engine;
    bench.engine.createFile = (path, contents, mode) => {
      writeFileSync(path, 'theirs');
      return createFile(path, contents, mode);
    };
    const attempt = init(bench.context, { type: 'file', filename: bench.source });
    await expect(attempt).rejects.toMatchObject({ code: 'BACKY_CONFIG_EXISTS' });
    expect(readFileSync(join(bench.target, 'config'), 'utf8')).toBe('theirs');
  });

  it.each([
    ['an unknown type', { type: 'nfs' }, 'BACKY_SOURCE_TYPE_UNKNOWN'],
    ['what is no name of a logical volume', { type: 'lvm', filename: 'web1' }, 'BACKY_SOURCE_NAME'],
    ['a directory', { filename: import.meta.dirname }, 'BACKY_SOURCE_KIND'],
    [
      'a schedule that makes no sense',
      { schedule: { daily: { interval: 'often', keep: 1 } } },
      'BACKY_CONFIG_INVALID',
    ],
  ])('refuses %s without leaving a trace', async (_, change, code) => {
    const { context, target, source } = fresh();
    await expect(init(context, { type: 'file', filename: source, ...change })).rejects.toMatchObject({
      code,
    });
    expect(() => statSync(target)).toThrow('ENOENT');
  });

  it('says what is in the way of the directory', async () => {
    const { context, target, source } = fresh();
    writeFileSync(target, 'a file');
    await expect(init(context, { type: 'file', filename: source })).rejects.toMatchObject({
      code: 'BACKY_IO',
    });
  });
});

describe('openContext', () => {
  it.each(['', 'nothing/here', 'file/below'])('finds no repository in "%s"', async (name) => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'file'), '');
    await expect(openContext(join(directory, name))).rejects.toMatchObject({ code: 'BACKY_NO_REPOSITORY' });
  });
});
