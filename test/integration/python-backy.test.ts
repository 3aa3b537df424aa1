import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CORE_SCHEMA, load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import type { Status } from '../../src/operations/status/status.ts';
import type { VerifyResult } from '../../src/operations/verify/verify.ts';
import { expectSameBytes } from '../helpers/bytes.ts';
import type { Outcome } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { IMAGE_BYTES, type LegacyRepository, makeLegacyRepository, SHAPES } from '../helpers/python-backy.ts';
import { backy } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

/** A revision as it must look: when, its tags, its trust. */
type Facts = readonly [string, readonly string[], string];

interface LegacyRecord {
  readonly timestamp: number | string;
  readonly parent: string | null;
  readonly tags?: readonly string[];
  /** Checksum of the image, in March 2014. */
  readonly checksum?: string;
}

/** The revisions of each shape of repository, oldest first. */
const EXPECTED: Readonly<Record<string, readonly Facts[]>> = {
  '2014-03': [['2014-04-02T08:00:00.500000Z', ['manual:untagged'], 'trusted']],
  '2014-04': [
    ['2014-04-25T10:07:51.061923Z', ['manual:untagged'], 'trusted'],
    ['2014-05-05T10:13:20.000000Z', ['daily'], 'trusted'],
    ['2014-05-12T10:13:20.750000Z', ['daily', 'weekly'], 'trusted'],
  ],
  '2.0b1': [
    ['2014-06-13T10:05:05.002362Z', ['daily', 'weekly', 'monthly'], 'trusted'],
    ['2014-06-13T10:05:05.034910Z', ['manual:test'], 'trusted'],
  ],
  '2.0': [
    ['2016-05-18T10:07:53.707543Z', ['weekly', 'daily'], 'trusted'],
    ['2016-05-18T10:07:53.740736Z', ['manual:test'], 'trusted'],
  ],
  '2.1': [
    ['2017-03-02T10:08:54.145897Z', ['weekly', 'daily'], 'trusted'],
    ['2017-03-02T10:08:54.185311Z', ['manual:test'], 'trusted'],
  ],
  '2.3': [
    ['2018-06-11T03:09:13.078726Z', ['weekly', 'daily'], 'trusted'],
    ['2018-06-11T03:09:13.115301Z', ['manual:test'], 'trusted'],
    ['2018-06-11T03:09:13.155865Z', ['daily'], 'distrusted'],
  ],
  '2.4': [
    ['2019-05-01T03:09:13.347589Z', ['daily', 'weekly'], 'trusted'],
    ['2019-05-01T03:09:13.388554Z', ['manual:test'], 'trusted'],
    ['2019-05-01T03:09:13.428441Z', ['daily'], 'distrusted'],
  ],
  '2.5': [
    ['2021-11-02T04:05:06.789012Z', ['daily', 'monthly'], 'verified'],
    ['2021-11-03T04:05:06Z', ['daily'], 'trusted'],
  ],
  head: [
    ['2024-02-29T22:15:00.000001Z', ['daily'], 'trusted'],
    ['2024-03-01T22:15:00.000002Z', ['manual:before upgrade'], 'trusted'],
  ],
};

/** Ids that are no revisions there, and what is said of them. */
const DAMAGED = { '2014-03': [['5c8f0a31-3c4c-4e6a-9d0e-2f8d3c1b7a10', 'a delta of March 2014']] };
const INCOMPLETE = { '2.1': ['b3hZq69yQ5Ys923b4josH7'], '2.4': ['Ad9xbHaQshCLfw8NP8hXcN'] };

describe.each(SHAPES)('a repository of the shape %s', (shape) => {
  const open = (): LegacyRepository => makeLegacyRepository(scratchForTest(), shape);
  const expected = EXPECTED[shape] ?? expect.unreachable();
  const [damaged, incomplete] = [new Map(Object.entries(DAMAGED)), new Map(Object.entries(INCOMPLETE))];

  it('is listed with all that is known of it, and nothing is written', async () => {
    const repository = open();
    const { revisions, ...rest } = await ask<Status>(repository, 'status');
    expect(factsOf(revisions)).toEqual(expected);
    expect(revisions.map(({ size, digest }) => [size, digest])).toEqual(
      expected.map(() => [IMAGE_BYTES, null]),
    );
    expect(rest.damaged.map(({ uuid }) => [uuid])).toEqual(
      (damaged.get(shape) ?? []).map(([uuid]) => [uuid]),
    );
    for (const [index, [, reason]] of (damaged.get(shape) ?? []).entries())
      expect(rest.damaged[index]?.reason).toContain(reason);
    expect(rest.incomplete).toEqual(
      (incomplete.get(shape) ?? []).map((uuid) => ({
        uuid,
        reason: expect.stringContaining('never finished'),
      })),
    );
    expect((await run(repository, 'find', '-r', '0')).stdout).toBe(
      `${join(repository.directory, revisions.at(-1)?.uuid ?? '')}\n`,
    );
    expect(existsSync(join(repository.directory, `${revisions[0]?.uuid}.hashes`))).toBe(false);
  });

  it('gives back every image, with an index from then on', async () => {
    const repository = open();
    const { revisions } = await ask<Status>(repository, 'status');
    for (const [position, { uuid, trust }] of revisions.entries()) {
      const target = join(repository.directory, `../target-${position}`);
      expect(await run(repository, 'restore', '-r', uuid, target)).toMatchObject({ exitCode: 0 });
      await expectSameBytes(target, join(repository.directory, uuid));
      expect(existsSync(join(repository.directory, `${uuid}.hashes`))).toBe(trust !== 'distrusted');
    }
    expect(factsOf((await ask<Status>(repository, 'status')).revisions)).toEqual(expected);
  });

  it('gets missing indexes on the first verification, and is verified on the second', async () => {
    const repository = open();
    const before = await ask<Status>(repository, 'status');
    const texts = before.revisions.map(({ uuid }) => textOf(repository, uuid));

    const first = await ask<VerifyResult>(repository, 'verify');

    const trusted = before.revisions.map(({ trust }) => trust !== 'distrusted');
    expect(first.verdicts.map(({ verdict }) => verdict)).toEqual(
      trusted.map((is) => (is ? 'good' : 'unknown')),
    );
    for (const { problem } of first.verdicts) expect(problem).toContain('no index to compare it with');
    const after = await ask<Status>(repository, 'status');
    expect(factsOf(after.revisions)).toEqual(expected);
    for (const [position, { uuid, digest }] of after.revisions.entries()) {
      expect(digest !== null).toBe(trusted[position]);
      if (trusted[position]) expectNothingLost(repository, uuid, texts[position] ?? '');
    }
    const good = after.revisions.filter((_, position) => trusted[position]);
    expect(
      ['last', 'latest', 'last.rev'].map((name) => readlinkSync(join(repository.directory, name))),
    ).toEqual([good.at(-1)?.uuid, good.at(-1)?.uuid, `${good.at(-1)?.uuid}.rev`]);
    const second = await ask<VerifyResult>(repository, 'verify');
    expect(second.verdicts.map(({ verdict, problem }) => [verdict, problem === null])).toEqual(
      trusted.map((is) => (is ? ['good', true] : ['unknown', false])),
    );
  });

  it('continues: a backup clones the newest good revision, and old files stay unchanged', async () => {
    const repository = open();
    const before = await ask<Status>(repository, 'status');
    const texts = new Map(before.revisions.map(({ uuid }) => [uuid, textOf(repository, uuid)]));

    const { record } = await ask<{ record: RevisionRecord }>(repository, 'backup', 'manual:ours');

    const parent = before.revisions.filter(({ trust }) => trust !== 'distrusted').at(-1);
    expect(record).toMatchObject({ parent: parent?.uuid, tags: ['manual:ours'], size: IMAGE_BYTES });
    await expectSameBytes(join(repository.directory, record.uuid), repository.source);
    const after = await ask<Status>(repository, 'status');
    expect(factsOf(after.revisions.slice(0, -1))).toEqual(expected);
    expect(after.incomplete).toEqual([]);
    expect(after.damaged).toEqual(before.damaged);
    for (const uuid of incomplete.get(shape) ?? [])
      for (const suffix of ['', '.rev'])
        expect(existsSync(join(repository.directory, uuid + suffix))).toBe(false);
    for (const [uuid, text] of texts) {
      if (uuid === parent?.uuid) expectNothingLost(repository, uuid, text);
      else expect(textOf(repository, uuid)).toBe(text);
    }
    expect(readlinkSync(join(repository.directory, 'last'))).toBe(record.uuid);
    expect((await ask<VerifyResult>(repository, 'verify', '-r', 'last')).good).toBe(true);
  });

  it('lets its tags be changed without an index', async () => {
    const repository = open();
    const { revisions } = await ask<Status>(repository, 'status');
    const uuid = revisions[0]?.uuid ?? '';
    const text = textOf(repository, uuid);
    expect(await run(repository, 'tags', 'add', '-r', uuid, 'manual:ours')).toMatchObject({ exitCode: 0 });
    const changed = (await ask<Status>(repository, 'status')).revisions[0];
    expect(changed).toMatchObject({ uuid, digest: null, tags: [...(expected[0]?.[1] ?? []), 'manual:ours'] });
    expectNothingLost(repository, uuid, text);
  });

  it('is purged of unfinished backups only', async () => {
    const repository = open();
    const { removed } = await ask<{ removed: readonly string[] }>(repository, 'purge');
    const gone = (incomplete.get(shape) ?? []).flatMap((uuid) => [uuid, `${uuid}.rev`]);
    expect(removed).toEqual(gone);
    for (const id of repository.ids)
      expect(existsSync(join(repository.directory, id)), id).toBe(!gone.includes(id));
    // In 2.1 the link had been set to a revision before it was finished.
    expect(existsSync(join(repository.directory, 'last'))).toBe(!['2.5', 'head'].includes(shape));
  });
});

describe('a repository that cannot be read', () => {
  const commands = [
    ['status'],
    ['find'],
    ['verify'],
    ['restore', 'target'],
    ['backup', 'daily'],
    ['purge'],
    ['tags', 'add', 'manual:x'],
  ];

  it.each([
    ['holds chunks', (directory: string) => mkdirAndWrite(join(directory, 'chunks'), 'store', 'v2')],
    [
      'will hold chunks',
      (directory: string) =>
        writeFileSync(join(directory, 'config'), '{type: file, filename: x, "backend": chunked}'),
    ],
  ])('because it %s is refused by every command in one line', async (_, make) => {
    const { directory } = makeLegacyRepository(scratchForTest(), '2.4');
    make(directory);
    for (const command of commands)
      await expectFailure((...args) => backy(directory, args), command, {
        code: 'BACKY_CHUNKED_REPOSITORY',
        says: [directory, 'chunked repository of the Python backy'],
      });
  });

  it('because a record says so is refused, too', async () => {
    const { directory } = makeLegacyRepository(scratchForTest(), 'chunked');
    for (const command of commands.filter(([name]) => name !== 'restore'))
      await expectFailure((...args) => backy(directory, args), command, {
        code: 'BACKY_CHUNKED_REPOSITORY',
        says: [directory],
      });
  });
});

it('one that holds chunks hides no other in the overview', async () => {
  const scratch = scratchForTest();
  makeLegacyRepository(scratch, '2.5');
  const { directory } = makeLegacyRepository(scratch, 'head');
  mkdirAndWrite(join(directory, 'chunks'), 'store', 'v2');
  const { repositories } = JSON.parse((await backy(scratch, ['--json', 'status', '--all'])).stdout);
  expect(repositories).toEqual([
    {
      name: '2.5',
      totals: expect.objectContaining({ revisions: 2, damaged: 0 }),
      overdue: ['daily', 'monthly'],
      unfinishedRestores: [],
    },
    { name: 'head', problem: expect.stringContaining('chunked repository') },
  ]);
});

it('an unreachable source does not block reading and restoring', async () => {
  const repository = makeLegacyRepository(scratchForTest(), '2.5');
  writeFileSync(
    join(repository.directory, 'config'),
    'source: {type: flyingcircus, vm: test01, pool: rbd, image: test01.root, consul_acl_token: x}\nschedule: {}\n',
  );
  expect((await ask<Status>(repository, 'status')).revisions).toHaveLength(2);
  expect(await run(repository, 'verify')).toMatchObject({ exitCode: 0 });
  const { exitCode, stderr } = await backy(repository.directory, ['backup', 'manual:x']);
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('rbd/test01.root'),
  });
});

it('takes the reading rights of the group with the index', async () => {
  const { directory, ids } = makeLegacyRepository(scratchForTest(), '2.5');
  await backy(directory, ['verify']);
  for (const id of ids)
    for (const suffix of ['', '.hashes', '.rev'])
      expect((statSync(join(directory, id + suffix)).mode & 0o777).toString(8)).toBe('400');
});

function run({ directory }: LegacyRepository, ...args: readonly string[]): Promise<Outcome> {
  return backy(directory, args);
}

async function ask<Result>(repository: LegacyRepository, ...args: readonly string[]): Promise<Result> {
  const { stdout, stderr } = await run(repository, '--json', ...args);
  expect(stdout, stderr).not.toBe('');
  return JSON.parse(stdout);
}

function factsOf(revisions: readonly RevisionRecord[]): readonly Facts[] {
  return revisions.map(({ timestamp, tags, trust }) => [timestamp, tags, trust]);
}

function textOf({ directory }: LegacyRepository, uuid: string): string {
  return readFileSync(join(directory, `${uuid}.rev`), 'utf8');
}

/** Everything that the record said is in the one that replaced it, in our format. */
function expectNothingLost(repository: LegacyRepository, uuid: string, before: string): void {
  const after = textOf(repository, uuid);
  expect(after).toMatch(/^\{\n {2}"formatVersion": 1,/);
  const legacy: LegacyRecord = JSON.parse(JSON.stringify(load(before, { schema: CORE_SCHEMA })));
  const { timestamp, parent, tags, checksum, ...rest } = legacy;
  const record = JSON.parse(after);
  expect(record).toMatchObject(rest);
  expect(record.imageChecksum).toBe(checksum);
  expect(record.parent).toBe(parent || null);
  expect(record.tags).toEqual(expect.arrayContaining([...(tags ?? [])]));
  const beforeMs = typeof timestamp === 'number' ? timestamp * 1000 : Date.parse(timestamp);
  expect(Math.abs(Date.parse(record.timestamp) - beforeMs)).toBeLessThan(1);
}

function mkdirAndWrite(directory: string, name: string, text: string): void {
  mkdirSync(directory);
  writeFileSync(join(directory, name), text);
}
