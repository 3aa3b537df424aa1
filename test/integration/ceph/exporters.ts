import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFailed } from 'vitest';
import type { RevisionRecord } from '../../../src/domain/revision.ts';
import { KIB, MIB, randomBytes } from '../../helpers/bytes.ts';
import { type Running, start } from '../../helpers/command.ts';
import type { RbdRepository } from '../../helpers/rbd-repository.ts';
import { PROGRAM } from '../../helpers/repository.ts';
import { makeScratch } from '../../helpers/scratch.ts';
import { type CephBench, until } from './bench.ts';

/** Stands in for rbd: a stream for the right snapshots of an image of 16 MiB, without any change. */
const NO_CHANGE = [
  'case " $* " in *" --from-snap "*)',
  '  while [ "$1" != --snap ]; do shift; done; to=$2; from=$4',
  '  printf "rbd diff v1\\nf\\052\\000\\000\\000%st\\052\\000\\000\\000%ss\\000\\000\\000\\001\\000\\000\\000\\000e" "$from" "$to" ;;',
  '*) exec "$RBD" "$@" ;; esac',
].join('\n');

/** An exporter or a cluster that fails costs one backup at most. */
export function exporters(bench: CephBench): void {
  const { cluster, filesystem, setUp, expectRevision } = bench;

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
    ])('keeps its revisions if the exporter %s', async (_, script, words) => {
      await withRevision();
      repository.replaceRbd(`case " $* " in *" export-diff "*) ${script} ;; *) exec "$RBD" "$@" ;; esac`);
      const { code, message } = await repository.fail();
      expect(['BACKY_PROGRAM_FAILED', 'BACKY_DIFF_DAMAGED']).toContain(code);
      expect(message).toContain(words);
      expect(message).not.toContain('\n');
      await expectUnharmed();
    });

    it('reads everything, and says so, if the stream concealed a change', async () => {
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

    it('distrusts an earlier revision made from such a stream, unless it equals its snapshot', async () => {
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
      const number = bench.nextNumber();
      const mark = join(repository.directory, '..', `silent-${number}`);
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

    it('reports a missing image in one line', async () => {
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
}
