import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBackyError, statusOfAll } from '../../../src/index.ts';
import { type ApiRepository, apiRepository } from '../../helpers/api-repository.ts';
import { flipByte, hashOf, KIB, randomBytes } from '../../helpers/bytes.ts';
import { mustRun } from '../../helpers/command.ts';
import { describeWith } from '../../helpers/needs.ts';
import { backy } from '../../helpers/repository.ts';
import { scratchForTest } from '../../helpers/scratch.ts';
import { GROUP_ID, NEEDS_OF_SECOND_USER, USER_ID } from '../../helpers/second-user.ts';

/** All that backy writes in a repository under a name that is known beforehand. */
const NAMES = [
  '.backup',
  '.purge',
  '.restoring',
  '.restoring.lock',
  '.revisions',
  '.last-run',
  '.last-run.new',
  '.snapshots',
  'last',
  'latest',
  'last.rev',
] as const;

async function repositoryWithOne(): Promise<{ repository: ApiRepository; target: string; image: string }> {
  const scratch = scratchForTest();
  const repository = await apiRepository(scratch);
  const target = join(scratch, 'target.img');
  writeFileSync(target, randomBytes(64 * KIB));
  return { repository, target, image: repository.image };
}

/** The properties of a file that must not change. */
function stateOf(path: string): object {
  const { mode, uid, gid, size, mtimeMs } = statSync(path);
  return { hash: hashOf(path), mode, uid, gid, size, mtimeMs };
}

function plant(repository: ApiRepository, name: string, file: string): void {
  rmSync(repository.path(name), { force: true });
  linkSync(file, repository.path(name));
}

/** Does everything that writes in a repository. Each work succeeds, or is refused as one of ours. */
async function runAll(repository: ApiRepository, target: string): Promise<void> {
  const one = await repository.open({ trustRepository: true });
  const works: readonly (() => Promise<unknown>)[] = [
    () => one.backup({ tags: ['manual:second'] }),
    () => one.verify(),
    () => one.editTags({ action: 'add', tags: ['manual:more'] }),
    () => one.restore({ target }),
    () => one.verify({ repair: true }),
    () => one.adopt(),
    () => one.purge(),
    () => one.retire(),
    () => one.backup({ tags: ['manual:third'] }),
    () => statusOfAll(dirname(repository.directory)),
  ];
  for (const work of works) {
    await work().catch((error: unknown) => {
      if (!isBackyError(error)) throw error;
    });
  }
}

describe('a second name of an image in the place of', () => {
  it.each(NAMES)('%s leaves the image as it is', async (name) => {
    const { repository, target, image } = await repositoryWithOne();
    const before = stateOf(image);
    plant(repository, name, image);

    await runAll(repository, target);

    expect(stateOf(image)).toEqual(before);
  });

  it('a lock is refused in one line that names the file and what to do', async () => {
    const { repository, image } = await repositoryWithOne();
    plant(repository, '.backup', image);
    const refused = await backy(repository.directory, ['backup', 'manual:x']);
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^backy: Nothing is written to \S+\/\.backup: it has 2 names \(hard links\)\. [^\n]*-samefile[^\n]*\n$/,
    );
    rmSync(repository.path('.backup'));
    expect(await (await repository.open()).backup({ tags: ['manual:x'] })).toBeDefined();
  });

  it('the log is not written to, and no reason to fail', async () => {
    const { repository, image } = await repositoryWithOne();
    const before = stateOf(image);
    plant(repository, 'backy.log', image);
    const { exitCode, stderr } = await backy(repository.directory, ['verify']);
    expect([exitCode, stderr]).toEqual([
      0,
      expect.stringContaining('backy.log cannot be written: it has 2 names'),
    ]);
    expect(stateOf(image)).toEqual(before);
  });

  it('another image keeps a repair from writing through it', async () => {
    const { repository, image } = await repositoryWithOne();
    const other = join(dirname(repository.directory), 'copy');
    linkSync(image, other);
    chmodSync(image, 0o600);
    flipByte(image, 100);
    chmodSync(image, 0o400);
    const before = hashOf(image);
    const { verdicts } = await (await repository.open()).verify({ repair: true });
    const reason = expect.stringContaining('it has 2 names');
    expect(verdicts).toMatchObject([{ verdict: 'bad', repair: { healed: [], left: [{ reason }] } }]);
    expect(hashOf(other)).toBe(before);
  });
});

describeWith(NEEDS_OF_SECOND_USER, 'a second name of a file of root in the repository of a user', () => {
  it.each([...NAMES, 'the image'])('as %s is left as it is by root', async (name) => {
    const { repository, target, image } = await repositoryWithOne();
    const victim = join(dirname(target), 'passwords');
    writeFileSync(victim, 'precious\n', { mode: 0o644 });
    const before = stateOf(victim);
    chownSync(repository.directory, USER_ID, GROUP_ID);
    plant(repository, name === 'the image' ? image.slice(repository.directory.length + 1) : name, victim);

    await runAll(repository, target);

    expect(stateOf(victim)).toEqual(before);
  });
});

describe('a directory or a pipe in the place of', () => {
  it.each(['.backup', '.purge'])('%s makes a backup fail at once', async (name) => {
    const { repository } = await repositoryWithOne();
    const one = await repository.open();
    for (const make of ['mkdir', 'mkfifo']) {
      rmSync(repository.path(name), { force: true, recursive: true });
      await mustRun(make, [repository.path(name)]);
      await expect(one.backup({ tags: ['manual:x'] })).rejects.toMatchObject({
        code: make === 'mkdir' ? 'BACKY_IO' : 'BACKY_FILE_UNFIT',
      });
    }
  });
});

it('a note that was cut off in its making is removed by the next backup', async () => {
  const { repository } = await repositoryWithOne();
  const name = `.tmp-backy-1-1-${(BigInt(Date.now()) * 1_000_000n).toString(16)}`;
  writeFileSync(repository.path(name), '{');
  await (await repository.open()).backup({ tags: ['manual:x'] });
  expect(existsSync(repository.path(name))).toBe(false);
  expect(JSON.parse(readFileSync(repository.path('.last-run'), 'utf8'))).toMatchObject({ outcome: 'ok' });
});
