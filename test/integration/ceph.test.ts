import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import { expectSameBytes, flipByte, KIB, MIB, randomBytes } from '../helpers/bytes.ts';
import { cephNeeds, type ImageChange, useCeph } from '../helpers/ceph.ts';
import { type Running, start } from '../helpers/command.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { patiently } from '../helpers/patiently.ts';
import { seededRandom, testSeed } from '../helpers/random.ts';
import { createRbdRepository, type RbdRepository } from '../helpers/rbd-repository.ts';
import { PROGRAM } from '../helpers/repository.ts';
import { makeScratch } from '../helpers/scratch.ts';
import { unwrapped } from '../helpers/unwrapped.ts';
import { histories } from './ceph/histories.ts';

const OBJECT = 4 * MIB;

/** In the place of rbd: a stream for the right snapshots of an image of 16 MiB, with no change in it. */
const NO_CHANGE = [
  'case " $* " in *" --from-snap "*)',
  '  while [ "$1" != --snap ]; do shift; done; to=$2; from=$4',
  '  printf "rbd diff v1\\nf\\052\\000\\000\\000%st\\052\\000\\000\\000%ss\\000\\000\\000\\001\\000\\000\\000\\000e" "$from" "$to" ;;',
  '*) exec "$RBD" "$@" ;; esac',
].join('\n');

const needs = [...cephNeeds, ...needsOf('btrfs', 'ext4')];

describeWith(needs, `an image of a Ceph cluster (BACKY_TEST_SEED=${testSeed})`, () => {
  const filesystem = useFilesystem('btrfs', 2048);
  const cluster = useCeph();
  let names = 0;

  /** A repository for a new image, which holds some data. */
  async function setUp(
    size: number,
    env?: Readonly<Record<string, string>>,
    scratch: string = filesystem.scratch(),
  ): Promise<{ image: string; repository: RbdRepository; scratch: string }> {
    names += 1;
    const image = `rbd/disk-${names}`;
    await cluster.rbd('create', '--size', `${size}B`, image);
    await cluster.write(image, { offset: 0, bytes: randomBytes(100 * KIB) });
    const repository = await createRbdRepository(cluster, scratch, image, env);
    repository.replaceRbd();
    return { image, repository, scratch };
  }

  /** The revision equals the image as it is now, byte for byte and in size. */
  async function expectRevision(repository: RbdRepository, record: RevisionRecord, image: string) {
    names += 1;
    const path = join(repository.directory, '..', `exported-${names}`);
    await cluster.export(image, path);
    await expectSameBytes(path, repository.image(record));
  }

  describe('backed up twice', () => {
    const size = 64 * MIB;
    let image: string;
    let repository: RbdRepository;
    let first: RevisionRecord;
    let second: RevisionRecord;

    beforeAll(async () => {
      image = 'rbd/twice';
      await cluster.rbd('create', '--size', `${size}B`, image);
      await cluster.write(
        image,
        { offset: 1000, bytes: randomBytes(MIB) },
        { offset: 9 * MIB, bytes: randomBytes(20 * MIB) },
      );
      await cluster.rbd('snap', 'create', '--no-progress', `${image}@by-hand`);
      await cluster.rbd('snap', 'create', '--no-progress', `${image}@backy-somebody-elses-snapshot`);
      repository = await createRbdRepository(cluster, join(filesystem.directory), image);
      first = await repository.backup();
      await cluster.write(
        image,
        { offset: 50 * KIB, bytes: randomBytes(KIB) },
        { offset: 12 * MIB, bytes: MIB },
      );
      second = await repository.backup();
    });

    it('reads everything first and only the objects that changed then, with a sample of the rest', async () => {
      expect(first).toMatchObject({
        size,
        source: { type: 'ceph-rbd', image },
        consistency: 'crash',
        stats: { method: 'full', sharing: 'reflink' },
      });
      expect(first.stats.fallback).toBeUndefined();
      // All of it is compared with the snapshot again.
      expect(first.stats.bytesRead).toBeGreaterThanOrEqual(size + 21 * MIB);
      expect(second.stats).toMatchObject({ method: 'rbd-diff', bytesChanged: MIB + 256 * KIB });
      expect(second.stats.bytesRead).toBeLessThanOrEqual(2 * OBJECT + size / 16);
      expect(second.stats.bytesWritten).toBeLessThanOrEqual(16 * KIB);
    });

    it('keeps each state as a complete raw image', async () => {
      await expectRevision(repository, second, image);
      expect(statSync(repository.image(first)).size).toBe(size);
      const { stdout } = await repository.backy('--json', 'verify');
      expect(JSON.parse(stdout)).toMatchObject({ good: true });
    });

    it('keeps the snapshot of the newest revision and those of others', async () => {
      expect(await cluster.snapshots(image)).toEqual([
        'by-hand',
        'backy-somebody-elses-snapshot',
        `backy-${second.uuid}`,
      ]);
    });

    it('is told of by status and doctor', async () => {
      expect((await repository.backy('status', '-v')).stdout).toMatch(/manual:2 +\w+ +rbd-diff +reflink/);
      expect((await repository.backy('doctor')).stdout).toContain(`${image} (rbd image, 64.00 MiB)`);
    });
  });

  histories(cluster, () => makeScratch(filesystem.directory));

  it('is followed through writes, discards and new sizes, whatever the order', async () => {
    const { image, repository } = await setUp(21 * MIB + 512);
    let size = 21 * MIB + 512;
    const chance = seededRandom(testSeed);
    const random = (below: number): number => Math.floor(chance() * below);
    for (let generation = 0; generation < 8; generation += 1) {
      const changes = Array.from({ length: 6 }, (): ImageChange => {
        const offset = random(size / 512) * 512;
        const length = Math.min(size - offset, 512 + random(2) * random(6 * MIB));
        return { offset, bytes: random(3) === 0 ? length : randomBytes(length) };
      });
      await cluster.write(image, ...changes);
      const record = await repository.backup();
      await expectRevision(repository, record, image);
      expect(record.stats.method).toBe(generation === 0 ? 'full' : 'rbd-diff');
      if (generation % 2 === 1) {
        size = 12 * MIB + random(40_000) * 512;
        await cluster.rbd('resize', '--no-progress', '--allow-shrink', '--size', `${size}B`, image);
      }
    }
    const { stdout } = await repository.backy('--json', 'verify');
    expect(JSON.parse(stdout)).toMatchObject({ good: true });
  });

  describe('backed up to a filesystem without reflinks', () => {
    const plain = useFilesystem('ext4', 256);

    it('is copied from the parent where it did not change, which spares the cluster', async () => {
      const { image } = await setUp(40 * MIB);
      await cluster.write(image, { offset: 8 * MIB, bytes: randomBytes(12 * MIB) });
      const repository = await createRbdRepository(cluster, plain.directory, image);
      await repository.backup();
      await cluster.write(image, { offset: 9 * MIB, bytes: randomBytes(KIB) });
      const second = await repository.backup();
      expect(second.stats).toMatchObject({ method: 'rbd-diff', sharing: 'none', bytesChanged: 256 * KIB });
      expect(second.stats.bytesRead).toBeLessThanOrEqual(OBJECT + 40 * (MIB / 16));
      await expectRevision(repository, second, image);
      expect(JSON.parse((await repository.backy('--json', 'verify')).stdout)).toMatchObject({ good: true });
    });
  });

  it('is striped, or a clone, or has its data elsewhere, all the same', async () => {
    await cluster.rbd('create', '--size', '20M', 'rbd/base');
    await cluster.write('rbd/base', { offset: 3 * MIB, bytes: randomBytes(2 * MIB) });
    await cluster.rbd('snap', 'create', '--no-progress', 'rbd/base@s');
    await cluster.rbd('snap', 'protect', 'rbd/base@s');
    await cluster.rbd('clone', 'rbd/base@s', 'rbd/clone');
    const striping = ['--stripe-unit', '65536', '--stripe-count', '4'];
    await cluster.rbd('create', '--size', '20M', ...striping, 'rbd/striped');
    await cluster.rbd('create', '--size', '20M', '--data-pool', 'other', 'rbd/elsewhere');
    for (const image of ['rbd/clone', 'rbd/striped', 'rbd/elsewhere']) {
      const repository = await createRbdRepository(cluster, filesystem.scratch(), image);
      for (const method of ['full', 'rbd-diff']) {
        await cluster.write(
          image,
          { offset: 100 * KIB, bytes: randomBytes(700 * KIB) },
          { offset: 4 * MIB, bytes: MIB },
          { offset: 15 * MIB, bytes: randomBytes(100) },
        );
        const record = await repository.backup();
        expect(record.stats.method).toBe(method);
        await expectRevision(repository, record, image);
      }
    }
  });

  it('is read in full when the snapshot of the parent is gone, and when the configuration says so', async () => {
    const { image, repository } = await setUp(16 * MIB);
    const { uuid } = await repository.backup();
    await cluster.rbd('snap', 'rm', '--no-progress', `${image}@backy-${uuid}`);
    const second = await repository.backup();
    expect(second.stats).toMatchObject({
      method: 'full',
      fallback: `the snapshot backy-${uuid} of the parent is gone`,
    });
    repository.configure('full-always: true');
    const third = await repository.backup();
    expect(third.stats).toMatchObject({
      method: 'full',
      fallback: 'full-always is set in the configuration',
    });
    await expectRevision(repository, third, image);
  });

  it('is read in full after a revision was found damaged', async () => {
    const { image, repository } = await setUp(16 * MIB);
    const first = await repository.backup();
    expect((await repository.backup()).stats.method).toBe('rbd-diff');
    flipByte(repository.image(first), 5000);
    await repository.backy('verify');
    const third = await repository.backup();
    expect(third.stats.method).toBe('full');
    expect(third.stats.fallback).toContain('a revision was found damaged');
    await expectRevision(repository, third, image);
  });

  it('may be in a namespace, for a user with no more rights than needed', async () => {
    await cluster.rbd('namespace', 'create', 'other/tenant');
    await cluster.rbd('create', '--size', '8M', 'other/tenant/disk');
    await cluster.write('other/tenant/disk', { offset: 0, bytes: randomBytes(5000) });
    const repository = await createRbdRepository(cluster, filesystem.scratch(), 'other/tenant/disk', {
      CEPH_CONF: '/nonexistent',
    });
    repository.configure('user: backy', `conf: ${cluster.conf}`);
    await repository.backup();
    const record = await repository.backup();
    expect(record).toMatchObject({ source: { image: 'other/tenant/disk' }, stats: { method: 'rbd-diff' } });
    await expectRevision(repository, record, 'other/tenant/disk');
  });

  it('may be named in CEPH_ARGS who we are', async () => {
    const { repository } = await setUp(8 * MIB, {
      CEPH_CONF: '/nonexistent',
      CEPH_ARGS: `--id backy --conf ${cluster.conf}`,
    });
    expect((await repository.backup()).stats.method).toBe('full');
    expect((await repository.backup()).stats.method).toBe('rbd-diff');
  });

  it('may be backed up into two repositories, which leave each other alone', async () => {
    const { image, repository } = await setUp(8 * MIB);
    const other = await createRbdRepository(cluster, filesystem.scratch(), image);
    for (let round = 0; round < 2; round += 1) {
      const records = [await repository.backup(), await other.backup()];
      expect(records.map(({ stats }) => stats.method)).toEqual(Array(2).fill(round ? 'rbd-diff' : 'full'));
      expect(await cluster.snapshots(image)).toEqual(records.map(({ uuid }) => `backy-${uuid}`));
    }
  });

  describe('with a revision', () => {
    let image: string;
    let repository: RbdRepository;
    let good: RevisionRecord;
    let isReady = false;

    /** Setting up takes a while, so what one test leaves in order is there for the next. */
    async function withRevision(): Promise<void> {
      if (!isReady) {
        ({ image, repository } = await setUp(16 * MIB, {}, makeScratch(filesystem.directory)));
        good = await repository.backup();
      }
      isReady = true;
      onTestFailed(() => {
        isReady = false;
      });
      await cluster.write(image, { offset: 6 * MIB, bytes: randomBytes(300 * KIB) });
    }

    /** The next backup starts from the last good one, and is good itself. */
    async function expectNextBackup(): Promise<void> {
      repository.replaceRbd();
      const next = await repository.backup();
      expect(next).toMatchObject({ parent: good.uuid, stats: { method: 'rbd-diff' } });
      expect(await cluster.snapshots(image)).toEqual([`backy-${next.uuid}`]);
      await expectRevision(repository, next, image);
      good = next;
    }

    /** Nothing is left of what failed, and the next backup works. */
    async function expectUnharmed(): Promise<void> {
      expect(readdirSync(repository.directory).filter((name) => name.includes('partial'))).toEqual([]);
      expect(await cluster.snapshots(image)).toEqual([`backy-${good.uuid}`]);
      await expectNextBackup();
    }

    it.each([
      ['exits with an error at once', 'echo "rbd: no luck" >&2; exit 5', 'no luck (exit status 5)'],
      ['exits with an error after all', '"$RBD" "$@"; echo "rbd: late luck" >&2; exit 6', 'late luck'],
      ['exits with an error in between', '"$RBD" "$@" | head -c 9000; exit 1', 'exit status 1'],
      ['is killed', '"$RBD" "$@" | head -c 9000; kill -KILL $$', 'ended by signal 9'],
      ['stops early and is content', '"$RBD" "$@" | head -c 9000', 'it ends in the middle'],
      ['says nothing', 'exit 0', 'it ends in the middle'],
      ['says too much', '"$RBD" "$@"; echo more', 'there is more behind its end'],
      ['says something else', 'echo "something else"; exit 0', 'it does not start like one'],
    ])('keeps what it has when the exporter %s', async (_, script, words) => {
      await withRevision();
      repository.replaceRbd(`case " $* " in *" export-diff "*) ${script} ;; *) exec "$RBD" "$@" ;; esac`);
      const { code, message } = await repository.fail();
      expect(['BACKY_PROGRAM_FAILED', 'BACKY_DIFF_DAMAGED']).toContain(code);
      expect(message).toContain(words);
      expect(message).not.toContain('\n');
      await expectUnharmed();
    });

    it('reads everything, and says so, when what changed was not all that changed', async () => {
      await withRevision();
      // One block of N, with N = 1: each is compared.
      const becomeUsual = repository.configure('sample-runs: 1');
      repository.replaceRbd(NO_CHANGE);
      const record = await repository.backup();
      expect(record.stats).toMatchObject({
        method: 'full',
        fallback: 'what was said to have changed was not all of it',
      });
      expect(record.stats.hintFailures).toEqual([{ offset: 6 * MIB, length: 512 * KIB }]);
      await expectRevision(repository, record, image);
      good = record;
      becomeUsual();
    });

    it('distrusts what such a stream made of the revision before, and not what equals its snapshot', async () => {
      await withRevision();
      const trusts = async (): Promise<readonly string[]> => {
        const { stdout } = await repository.backy('--json', 'status');
        const { revisions }: { revisions: readonly RevisionRecord[] } = JSON.parse(stdout);
        return revisions.slice(-3).map(({ trust }) => trust);
      };
      const becomeUsual = repository.configure('sample-runs: 1000');
      repository.replaceRbd(NO_CHANGE);
      const wrong = await repository.backup();
      expect(wrong.stats).toMatchObject({ method: 'rbd-diff', bytesChanged: 0 });
      becomeUsual();
      repository.replaceRbd();
      const becomeUsualAgain = repository.configure('sample-runs: 1');
      const { exitCode, stderr } = await repository.backy('backup', 'manual:x');
      expect(exitCode).toBe(0);
      expect(stderr).toContain(`${wrong.uuid} is wrong: it differs from its snapshot in bytes ${6 * MIB}-`);
      expect((await trusts()).slice(1)).toEqual(['distrusted', 'trusted']);
      // Again a stream that lies, but this time at once found out: what was there before is right.
      const right = await repository.backup();
      await cluster.write(image, { offset: 6 * MIB, bytes: randomBytes(300 * KIB) });
      repository.replaceRbd(NO_CHANGE);
      const second = await repository.backy('backup', 'manual:y');
      expect(second.stderr).toContain(`${right.uuid} equals its snapshot, and is trusted again`);
      expect((await trusts()).slice(1)).toEqual(['trusted', 'trusted']);
      becomeUsualAgain();
      isReady = false;
    });

    it('gives up a cluster that does not answer, in one line', async () => {
      await withRevision();
      const becomePatient = repository.configure('timeout: 3s');
      cluster.pause();
      try {
        const { exitCode, stderr } = await repository.backy('backup', 'manual:x');
        expect(exitCode).toBe(1);
        expect(stderr).toMatch(/^backy: The Ceph cluster of rbd\/disk-\d+ does not answer: [^\n]+\n$/);
      } finally {
        cluster.resume();
        becomePatient();
      }
      await expectUnharmed();
    });

    it('gives up a cluster that is lost in the middle', async () => {
      await withRevision();
      const reached = join(repository.directory, '..', 'reached');
      const script = `touch '${reached}'; while [ -e '${reached}' ]; do sleep 0.05; done`;
      repository.replaceRbd(`case " $* " in *" export-diff "*) ${script} ;; esac\nexec "$RBD" "$@"`);
      const becomePatient = repository.configure('timeout: 3s');
      const failing = repository.fail();
      await until(() => existsSync(reached));
      cluster.pause();
      try {
        rmSync(reached);
        expect((await failing).code).toBe('BACKY_CLUSTER_UNREACHABLE');
      } finally {
        cluster.resume();
        becomePatient();
      }
      await expectNextBackup();
    });

    /** Starts a backup with an rbd that does something else for a command, and waits until it is at that. */
    async function startStopping(
      command: string,
      script: string,
    ): Promise<{ running: Running; exporter: () => readonly number[] }> {
      names += 1;
      const mark = join(repository.directory, '..', `silent-${names}`);
      repository.replaceRbd(
        `case " $* " in *" ${command} "*) echo $$ >'${mark}'; ${script} ;; esac\nexec "$RBD" "$@"`,
      );
      const programs = join(repository.directory, '..');
      const path = readdirSync(programs).find((name) => name.startsWith('backy-test-')) ?? '';
      const running = start(process.execPath, [PROGRAM, '-b', repository.directory, 'backup', 'manual:x'], {
        env: { ...cluster.env, RBD: '/usr/bin/rbd', PATH: `${join(programs, path)}:${process.env.PATH}` },
      });
      await until(() => existsSync(mark) && statSync(mark).size > 0);
      const pid = Number(readFileSync(mark, 'utf8'));
      return { running, exporter: () => (existsSync(`/proc/${pid}`) ? [pid] : []) };
    }

    /** A backup whose exporter says nothing for ever. */
    const startSilentBackup = () => startStopping('export-diff', 'exec sleep 1000');

    it('finishes its snapshot, and removes it, when it is interrupted at the terminal meanwhile', async () => {
      await withRevision();
      const { running } = await startStopping('snap create', 'sleep 1');
      running.signal('SIGINT');
      const { exitCode, stderr } = await running.outcome;
      expect({ exitCode, stderr }).toMatchObject({
        exitCode: 130,
        stderr: expect.stringMatching(/^backy: The backup was cancelled: [^\n]+\n$/),
      });
      await expectUnharmed();
    });

    it('ends a silent exporter when it is cancelled', async () => {
      await withRevision();
      const { running, exporter } = await startSilentBackup();
      expect(exporter()).toHaveLength(1);
      process.kill(running.pid, 'SIGINT');
      expect((await running.outcome).exitCode).toBe(130);
      expect(exporter()).toEqual([]);
      await expectUnharmed();
    });

    it('leaves no exporter behind when it is killed, and the next run cleans up', async () => {
      await withRevision();
      const { running, exporter } = await startSilentBackup();
      process.kill(running.pid, 'SIGKILL');
      await running.outcome;
      await until(() => exporter().length === 0);
      expect(await cluster.snapshots(image)).toHaveLength(2);
      await expectNextBackup();
    });

    it('says that the image is gone, in one line', async () => {
      await withRevision();
      await cluster.rbd('snap', 'purge', '--no-progress', image);
      await cluster.rbd('rm', '--no-progress', image);
      const { exitCode, stderr } = await repository.backy('backup', 'manual:x');
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^backy: The source rbd\/disk-\d+ does not exist\. [^\n]+\n$/);
      isReady = false;
      const { stdout } = await repository.backy('--json', 'verify');
      expect(JSON.parse(stdout)).toMatchObject({ good: true });
    });
  });

  it('is refused, with what is needed, where nothing may be written', async () => {
    const { image, repository } = await setUp(8 * MIB);
    await repository.backup();
    const before = await cluster.snapshots(image);
    const becomeUsual = repository.configure('user: reader');
    expect(await repository.fail()).toMatchObject({
      code: 'BACKY_SNAPSHOT_FAILED',
      message: expect.stringContaining('Operation not permitted'),
      remedy: expect.stringContaining(`ceph auth caps client.reader mon 'profile rbd' osd 'profile rbd'`),
    });
    becomeUsual();
    await cluster.rbd('mirror', 'pool', 'enable', 'rbd', 'image');
    await cluster.rbd('mirror', 'image', 'enable', image, 'snapshot');
    await cluster.rbd('mirror', 'image', 'demote', image);
    expect(await repository.fail()).toMatchObject({
      code: 'BACKY_SNAPSHOT_FAILED',
      message: expect.stringContaining('is not primary'),
      remedy: expect.stringContaining(`rbd mirror image promote ${image}`),
    });
    const { stderr } = await repository.backy('--json', 'restore', `rbd:${image}`);
    expect(JSON.parse(stderr)).toMatchObject({
      code: 'BACKY_TARGET_PROTECTED',
      message: expect.stringContaining('is not primary'),
    });
    expect(await cluster.snapshots(image)).toEqual(before);
    await cluster.rbd('mirror', 'image', 'promote', image);
    await cluster.rbd('mirror', 'image', 'disable', image);
    const record = await repository.backup();
    expect(record.stats.method).toBe('rbd-diff');
    const metadata: object = JSON.parse(await cluster.rbd('image-meta', 'list', '--format', 'json', image));
    expect(Object.keys(metadata)).toEqual([`backy.${record.uuid}`]);
  });

  it('says that its snapshot is lost when somebody removes it while it is read', async () => {
    const { image, repository } = await setUp(8 * MIB);
    repository.replaceRbd(
      [
        'case " $* " in *" export-diff "*)',
        '  while [ "$1" != --snap ]; do shift; done',
        `  "$RBD" snap rm --no-progress ${image}@$2; echo "rbd: gone" >&2; exit 2 ;;`,
        '*) exec "$RBD" "$@" ;; esac',
      ].join('\n'),
    );
    expect(await repository.fail()).toMatchObject({ code: 'BACKY_SNAPSHOT_LOST' });
    expect(readdirSync(repository.directory).filter((name) => name.endsWith('.rev'))).toEqual([]);
    repository.replaceRbd();
    await expectRevision(repository, await repository.backup(), image);
  });

  it('is restored to an image, writing only what differs', async () => {
    const { image, repository, scratch } = await setUp(24 * MIB);
    const record = await repository.backup();
    await cluster.rbd('create', '--size', '24M', `${image}-restored`);
    const restore = async (): Promise<{ bytesWritten: number; targetKind: string }> => {
      const { exitCode, stdout, stderr } = await repository.backy(
        '--json',
        'restore',
        `rbd:${image}-restored`,
      );
      expect(stderr).toBe('');
      expect(exitCode).toBe(0);
      return JSON.parse(stdout);
    };
    expect(await restore()).toMatchObject({ targetKind: 'command', bytesWritten: 112 * KIB });
    await cluster.export(`${image}-restored`, join(scratch, '1'));
    await expectSameBytes(join(scratch, '1'), repository.image(record));

    await cluster.write(
      `${image}-restored`,
      { offset: 40 * KIB, bytes: randomBytes(100) },
      { offset: 20 * MIB, bytes: randomBytes(MIB) },
    );
    expect((await restore()).bytesWritten).toBe(16 * KIB);
    await cluster.export(`${image}-restored`, join(scratch, '2'));
    await expectSameBytes(join(scratch, '2'), repository.image(record));
    expect((await restore()).bytesWritten).toBe(0);
  });

  it('is not backed up while a restore to it is not complete', async () => {
    const { image, repository, scratch } = await setUp(24 * MIB);
    const record = await repository.backup();
    await cluster.write(image, { offset: 0, bytes: randomBytes(16 * MIB) });
    const finish = `"backy -b ${repository.directory} restore -r ${record.uuid} rbd:${image}"`;
    const during = (what: string): string =>
      `case " $* " in *" import-diff "*) head -c 70000 >/dev/null; ${what} ;; *) exec "$RBD" "$@" ;; esac`;

    repository.replaceRbd(during('echo "no more" >&2; exit 5'));
    const failed = await repository.backy('restore', `rbd:${image}`);
    repository.replaceRbd(during('kill -KILL $PPID'));
    const killed = await repository.backy('restore', `rbd:${image}`);
    repository.replaceRbd();

    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain(`rbd:${image} is not complete`);
    expect(failed.stderr).toContain(`then finish it with ${finish}`);
    expect(killed.exitCode).toBe(137);
    const refusal = await repository.fail();
    expect(refusal).toMatchObject({ code: 'BACKY_SOURCE_RESTORING' });
    expect(refusal.message).toContain(`rbd:${image}`);
    expect(unwrapped((await repository.backy('status')).stdout)).toContain(`finish it with ${finish}`);

    expect(await repository.backy('restore', '-r', record.uuid, `rbd:${image}`)).toMatchObject({
      exitCode: 0,
    });
    await cluster.export(image, join(scratch, 'finished'));
    await expectSameBytes(join(scratch, 'finished'), repository.image(record));
    await expectRevision(repository, await repository.backup(), image);
  });

  describe('restored to a cluster that takes nothing', () => {
    let repository: RbdRepository;
    let scratch: string;

    beforeAll(async () => {
      let image: string;
      ({ image, repository, scratch } = await setUp(24 * MIB, {}, makeScratch(filesystem.directory)));
      await cluster.write(image, { offset: 4 * MIB, bytes: randomBytes(12 * MIB) });
      await repository.backup();
      repository.configure('timeout: 3s');
    });

    async function newTarget(): Promise<string> {
      names += 1;
      await cluster.rbd('create', '--size', '24M', `other/target-${names}`);
      // It is full only if there is something in it.
      await cluster.write(`other/target-${names}`, { offset: 20 * MIB, bytes: randomBytes(100 * KIB) });
      return `other/target-${names}`;
    }

    /** The error of a restore. */
    async function failTo(target: string): Promise<{ code: string; message: string; remedy: string }> {
      const { exitCode, stderr } = await repository.backy('--json', 'restore', `rbd:${target}`);
      expect(exitCode).toBe(1);
      return JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    }

    /** The same, where something happens to the cluster as soon as writing begins, before rbd has opened the image or after. */
    async function failMeanwhile(target: string, isOpen: boolean, happen: () => Promise<void> | void) {
      names += 1;
      const [reached, go] = [join(scratch, `reached-${names}`), join(scratch, `go-${names}`)];
      const wait = (work: string) => `touch '${reached}'; while [ ! -e '${go}' ]; do ${work}; done`;
      // As long as it takes a little, it is not given up.
      const script = isOpen
        ? `{ ${wait('head -c 8192; sleep 0.05')}; cat; } | "$RBD" "$@"; exit $?`
        : `${wait('sleep 0.05')}; exec "$RBD" "$@"`;
      repository.replaceRbd(`case " $* " in *" import-diff "*) ${script} ;; esac\nexec "$RBD" "$@"`);
      const failing = failTo(target);
      try {
        await until(() => existsSync(reached));
        await happen();
        writeFileSync(go, '');
        return await failing;
      } finally {
        writeFileSync(go, '');
        repository.replaceRbd();
      }
    }

    it('names the pool and its quota, before or after it has begun, and works when there is room', async () => {
      const [first, second] = [await newTarget(), await newTarget()];
      try {
        const full = {
          code: 'BACKY_TARGET_STALLED',
          message: expect.stringContaining('the pool other is full, its quota of 4.00 KiB is used up'),
          remedy: expect.stringContaining('ceph osd pool set-quota other max_bytes N'),
        };
        const late = await failMeanwhile(first, true, () => cluster.fill(true));
        expect(late).toMatchObject(full);
        expect(late.message).toContain(`rbd:${first} is not complete`);
        const early = await failTo(second);
        expect(early).toMatchObject(full);
        expect(early.message).not.toContain('is not complete');
      } finally {
        await cluster.fill(false);
      }
      expect((await repository.backy('restore', `rbd:${second}`)).exitCode).toBe(0);
    });

    it('says that the cluster does not answer any more', async () => {
      for (const isOpen of [false, true]) {
        const target = await newTarget();
        try {
          const error = await failMeanwhile(target, isOpen, cluster.pause);
          expect(error.code).toBe('BACKY_CLUSTER_UNREACHABLE');
          expect(error.message).toContain(`rbd:${target} is not complete`);
        } finally {
          cluster.resume();
        }
      }
    });

    it('says which rights are needed, before it reads', async () => {
      const target = await newTarget();
      const becomeUsual = repository.configure('user: reader');
      const error = await failTo(target);
      becomeUsual();
      expect(error).toMatchObject({
        code: 'BACKY_TARGET_PROTECTED',
        message: expect.stringContaining('Operation not permitted'),
        remedy: expect.stringContaining(`ceph auth caps client.reader mon 'profile rbd' osd 'profile rbd'`),
      });
      expect(error.message).not.toContain('is not complete');
    });
  });

  it('is not restored where it does not belong', async () => {
    const { image, repository } = await setUp(8 * MIB);
    await repository.backup();
    const refusal = async (target: string): Promise<string> => {
      const { exitCode, stderr } = await repository.backy('--json', 'restore', target);
      expect(exitCode).toBe(1);
      return JSON.parse(stderr).code;
    };
    expect(await refusal('rbd:rbd')).toBe('BACKY_TARGET_NAME');
    expect(await refusal(`rbd:${image}-missing`)).toBe('BACKY_TARGET_MISSING');
    expect(await refusal('rbd:no-such-pool/image')).toBe('BACKY_TARGET_MISSING');
    await cluster.rbd('create', '--size', '7M', `${image}-small`);
    expect(await refusal(`rbd:${image}-small`)).toBe('BACKY_TARGET_SMALL');
    await cluster.rbd('create', '--size', '8M', `${image}-busy`);
    const watching = start('sh', ['-c', `sleep 1000 | rbd watch ${image}-busy`], { env: cluster.env });
    try {
      await patiently(async () => {
        const { watchers } = JSON.parse(await cluster.rbd('status', '--format', 'json', `${image}-busy`));
        expect(watchers).toHaveLength(1);
      }, 50);
      expect(await refusal(`rbd:${image}-busy`)).toBe('BACKY_TARGET_BUSY');
    } finally {
      watching.signal('SIGKILL');
      await watching.outcome;
    }
  });
});

/** Waits for something that will not take long. */
async function until(condition: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 20) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('gave up waiting');
}
