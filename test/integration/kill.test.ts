import { readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes, hashOf, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { seededRandom, testSeed } from '../helpers/random.ts';
import {
  createRepository,
  filesOf,
  isTorn,
  PROGRAM,
  readLive,
  type TestRepository,
} from '../helpers/repository.ts';
import { type Calls, callsNeeds, compileCalls } from '../torture/tracer/calls.ts';

const sourceBytes = 16 * MIB;
const killsEach = 25;

describeWith(
  [...needsOf('btrfs', 'xfs'), ...callsNeeds],
  `SIGKILL again and again (BACKY_TEST_SEED=${testSeed})`,
  () => {
    const [btrfs, xfs] = [useFilesystem('btrfs'), useFilesystem('xfs')];

    it(`is healed by the next backup, ${2 * killsEach} times`, async () => {
      const calls = await compileCalls(xfs.scratch());
      const live = await makeRepository(xfs.scratch(), xfs.scratch());
      readLive(live);
      const cloned = await makeRepository(xfs.scratch(), btrfs.scratch());
      await Promise.all([killAndHeal(calls, live), killAndHeal(calls, cloned)]);
    });
  },
);

async function killAndHeal(calls: Calls, repository: TestRepository): Promise<void> {
  const random = seededRandom(testSeed);
  const states = new Map<string, string>();
  const change = (): void =>
    writeAt(repository.source, Math.floor(random() * 12) * MIB, randomBytes(2 * MIB));
  const command = [process.execPath, PROGRAM, '-b', repository.directory, 'backup', 'manual:killed'];
  await backUp(repository, states);
  change();
  const whole = await calls.run(repository.directory, command);
  let torn = 0;
  for (let kill = 1; kill <= killsEach; kill += 1) {
    change();
    const killAt = 1 + Math.floor(random() * whole.calls.length);
    await calls.run(repository.directory, command, { killAt });
    expectUntouched(repository, states);
    torn += isTorn(repository) ? 1 : 0;
    await backUp(repository, states);
    expectHealthy(repository);
  }
  // Otherwise the kills proved nothing.
  expect(torn, 'kills in the middle of writing').toBeGreaterThanOrEqual(killsEach / 8);
  expect(await repository.verify()).toMatchObject({ good: true });
  for (const [uuid, state] of states) expect(hashOf(repository.path(uuid))).toBe(state.split(' ').at(-1));
}

/** A backup that must work, and equal the source. Notes what its image is. */
async function backUp(repository: TestRepository, states: Map<string, string>): Promise<void> {
  const { uuid } = await repository.backup();
  const image = repository.path(uuid);
  await expectSameBytes(image, repository.source);
  expect(readlinkSync(repository.path('last'))).toBe(uuid);
  states.set(uuid, `${identityOf(image)} ${hashOf(image)}`);
}

/** Old revisions are what they were: reading all of them every time would take longer than the inodes need to tell. */
function expectUntouched(repository: TestRepository, states: ReadonlyMap<string, string>): void {
  for (const [uuid, state] of states)
    expect(state).toMatch(new RegExp(`^${identityOf(repository.path(uuid))} `));
  const [newest = '', state = ''] = [...states].at(-1) ?? [];
  expect(hashOf(repository.path(newest))).toBe(state.split(' ').at(-1));
}

/** Any write, truncation or change of mode shows in the time of change. */
function identityOf(path: string): string {
  const { ino, size, mode, ctimeMs } = statSync(path);
  return [ino, size, mode, ctimeMs].join(' ');
}

function expectHealthy(repository: TestRepository): void {
  const sealed = repository.revisionFiles().filter((name) => name.endsWith('.rev'));
  expect(repository.revisionFiles()).toEqual(filesOf(...sealed.map((name) => ({ uuid: name.slice(0, -4) }))));
  const snapshots = readdirSync(dirname(repository.source)).filter((name) => name.includes('.backy-'));
  expect(snapshots.length).toBeLessThanOrEqual(1);
}

function makeRepository(sources: string, repositories: string): Promise<TestRepository> {
  const source = join(sources, 'disk.img');
  writeFileSync(source, randomBytes(sourceBytes));
  return createRepository(join(repositories, 'repository'), source);
}
