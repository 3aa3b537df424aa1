import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openRepository, type Repository } from '../../../src/index.ts';
import { type ApiRepository, apiRepository } from '../../helpers/api-repository.ts';
import type { CommandOptions, Outcome } from '../../helpers/command.ts';
import { describeWith } from '../../helpers/needs.ts';
import { backy } from '../../helpers/repository.ts';
import { makeScratch, scratchForTest } from '../../helpers/scratch.ts';
import {
  GROUP_ID,
  NEEDS_OF_SECOND_USER,
  type SharedProgram,
  shareProgram,
  USER_ID,
} from '../../helpers/second-user.ts';

/** A repository of root's with one revision, all of whose parents may be entered by everybody. */
async function repositoryOfRoot(): Promise<ApiRepository> {
  const scratch = scratchForTest();
  chmodSync(scratch, 0o755);
  const repository = await apiRepository(scratch);
  chmodSync(dirname(repository.directory), 0o755);
  return repository;
}

/** Ways in which somebody else may have a hand in a repository of root's. */
const FOREIGN: readonly (readonly [string, (repository: ApiRepository) => void])[] = [
  ['whose directory another user owns', ({ directory }) => chownSync(directory, USER_ID, GROUP_ID)],
  ['whose configuration another user owns', ({ path }) => chownSync(path('config'), USER_ID, GROUP_ID)],
  ['whose directory its group may write to', ({ directory }) => chmodSync(directory, 0o770)],
  ['whose directory everybody may write to', ({ directory }) => chmodSync(directory, 0o777)],
  ['whose directory everybody may add to', ({ directory }) => chmodSync(directory, 0o1777)],
  ['whose configuration its group may write to', ({ path }) => chmodSync(path('config'), 0o660)],
  ['whose configuration everybody may write to', ({ path }) => chmodSync(path('config'), 0o602)],
];

/** The result of each method of a repository without trust. The type makes sure that no method is left out. */
const METHODS: Readonly<
  Record<
    Exclude<keyof Repository, 'directory'>,
    { works: boolean; call: (one: Repository, at: string) => unknown }
  >
> = {
  find: { works: true, call: (one) => one.find('last') },
  restore: { works: true, call: (one, at) => one.restore({ target: join(dirname(at), 'restored.img') }) },
  revisions: { works: true, call: (one) => one.revisions() },
  simulate: { works: true, call: (one) => one.simulate({ days: 1 }) },
  status: { works: true, call: (one) => one.status() },
  verify: { works: true, call: (one) => one.verify() },
  adopt: { works: false, call: (one) => one.adopt() },
  backup: { works: false, call: (one) => one.backup({ tags: ['manual:x'] }) },
  distrust: { works: false, call: (one) => one.distrust('last') },
  doctor: { works: false, call: (one) => one.doctor() },
  editTags: { works: false, call: (one) => one.editTags({ action: 'add', tags: ['manual:y'] }) },
  expire: { works: false, call: (one) => one.expire({ dryRun: true }) },
  forget: { works: false, call: (one) => one.forget({ revisions: 'last', evenTheLast: true }) },
  hold: { works: false, call: (one) => one.hold({ reason: 'audit' }) },
  purge: { works: false, call: (one) => one.purge() },
  release: { works: false, call: (one) => one.release() },
  retire: { works: false, call: (one) => one.retire({ dryRun: true }) },
  undelete: { works: false, call: (one) => one.undelete('all') },
};

async function codeOf(work: unknown): Promise<unknown> {
  return Promise.resolve(work).then(
    () => 'works',
    (error: { code?: unknown }) => error.code ?? error,
  );
}

describeWith(NEEDS_OF_SECOND_USER, 'a repository', () => {
  const home = makeScratch();
  let program: SharedProgram;
  beforeAll(() => {
    chmodSync(home, 0o755);
    program = shareProgram(join(home, 'program'));
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it.each(FOREIGN)('%s is read by every method, and acted by by none', async (_, spoil) => {
    const repository = await repositoryOfRoot();
    spoil(repository);
    const one = await openRepository(repository.directory);
    for (const [name, { works, call }] of Object.entries(METHODS))
      expect([name, await codeOf(call(one, repository.directory))]).toEqual([
        name,
        works ? 'works' : 'BACKY_UNTRUSTED',
      ]);
    expect(await codeOf(one.verify({ repair: true }))).toBe('BACKY_UNTRUSTED');
    expect(await codeOf(one.verify({ acceptRecords: true }))).toBe('BACKY_UNTRUSTED');
    expect(await codeOf(one.restore({ target: 'rbd:rbd/disk' }))).toBe('BACKY_UNTRUSTED');

    const trusted = await openRepository(repository.directory, { trustRepository: true });
    expect(await codeOf(trusted.backup({ tags: ['manual:x'] }))).toBe('works');
    expect(await codeOf(trusted.doctor())).toBe('works');
  });

  it('is refused in one line that says why and how to trust it, by option or environment', async () => {
    const repository = await repositoryOfRoot();
    const { directory } = repository;
    chownSync(directory, USER_ID, GROUP_ID);
    const doctor = (options: CommandOptions, ...args: readonly string[]): Promise<Outcome> =>
      backy(directory, [...args, 'doctor'], options);
    const trusting = (entries: string): CommandOptions => ({ env: { BACKY_TRUSTED_REPOSITORIES: entries } });

    const refused = await backy(directory, ['backup', 'manual:x']);
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^backy: [^\n]* it belongs to user 54321\. [^\n]*--trust-repository[^\n]*\n$/,
    );
    for (const entries of [
      '',
      'relative',
      '/',
      '/*',
      `${directory}/other`,
      `${dirname(dirname(directory))}/*`,
    ])
      expect([entries, (await doctor(trusting(entries))).exitCode]).toEqual([entries, 1]);
    for (const entries of [directory, `/nowhere:${directory}/`, `${dirname(directory)}/*`])
      expect([entries, (await doctor(trusting(entries))).exitCode]).toEqual([entries, 0]);
    expect(await doctor({}, '--trust-repository')).toMatchObject({ exitCode: 0 });
  });

  it('of root is trusted by every user, and one of a third user only by that user', async () => {
    const repository = await repositoryOfRoot();
    const { directory } = repository;
    for (const name of readdirSync(directory)) chmodSync(repository.path(name), 0o644);
    chmodSync(directory, 0o755);
    const doctor = (): Promise<Outcome> => program.asUser(directory, 'doctor');
    expect((await doctor()).stderr).not.toContain('is not trusted');
    chownSync(directory, USER_ID + 1, GROUP_ID);
    expect((await doctor()).stderr).toMatch(
      /^backy: [^\n]* is not trusted, because it belongs to user 54322\. /m,
    );
    chownSync(directory, USER_ID, GROUP_ID);
    expect((await doctor()).stderr).not.toContain('is not trusted');
  });

  it.runIf(existsSync('/usr/bin/rbd'))(
    'of another user does not say which configuration rbd reads',
    async () => {
      const repository = await repositoryOfRoot();
      const { directory, path } = repository;
      const [conf, trace] = [path('ceph.conf'), join(dirname(directory), 'trace')];
      writeFileSync(conf, `[global]\nmon host = 127.0.0.1:1\nlog file = ${trace}\nlog to file = true\n`);
      const source = `{type: ceph-rbd, pool: rbd, image: disk, conf: ${conf}, timeout: 1s}`;
      writeFileSync(path('config'), `source: ${source}\nschedule: {}\n`);
      for (const each of [directory, conf, path('config')]) chownSync(each, USER_ID, GROUP_ID);

      for (const args of [['backup', 'manual:x'], ['doctor'], ['restore', 'rbd:rbd/disk'], ['retire']]) {
        const { exitCode, stderr } = await backy(repository.directory, args);
        expect([args, exitCode, stderr]).toEqual([
          args,
          1,
          expect.stringMatching(/^backy: [^\n]* is not trusted/),
        ]);
      }
      expect(existsSync(trace)).toBe(false);
      // The attack is one: with trust, rbd does what that file says.
      await backy(directory, ['--trust-repository', 'doctor']);
      expect(existsSync(trace)).toBe(true);
    },
  );
});

describeWith(NEEDS_OF_SECOND_USER, 'the note of snapshots in a repository', () => {
  const uuid = '01a20b83-a9a3-7fb8-b229-552c9c4b16ac';
  const noting = (path: string): string =>
    JSON.stringify({ formatVersion: 1, snapshots: [{ type: 'file', uuid, path }] });

  it('counts only if no other user may write it', async () => {
    const repository = await repositoryOfRoot();
    const snapshot = join(dirname(repository.directory), `.disk.img.backy-12345678-${uuid}`);
    writeFileSync(snapshot, 'of somebody');
    writeFileSync(repository.path('.snapshots'), noting(snapshot));
    chownSync(repository.path('.snapshots'), USER_ID, GROUP_ID);
    for (const args of [['backup', 'manual:x'], ['retire']]) {
      const { exitCode, stderr } = await backy(repository.directory, args);
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('.snapshots is not trusted')]);
    }
    expect(existsSync(snapshot)).toBe(true);
    expect(await backy(repository.directory, ['--trust-repository', 'retire'])).toMatchObject({
      exitCode: 0,
    });
    expect(existsSync(snapshot)).toBe(false);
  });

  it('removes nothing that is not named as a snapshot of that revision, whoever wrote it', async () => {
    const repository = await repositoryOfRoot();
    const victim = join(dirname(repository.directory), 'victim');
    writeFileSync(victim, 'precious');
    writeFileSync(repository.path('.snapshots'), noting(victim));
    for (const args of [['backup', 'manual:x'], ['retire']])
      expect(await backy(repository.directory, args)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });
});
