import { copyFileSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import { expectSameBytes, makeSparseFile, randomBytes, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { changeAsGuest, LETTER, makeGuestImage } from '../helpers/image.ts';
import { attachDevice, withMounted } from '../helpers/loop-device.ts';
import { type FilesystemType, needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, filesOf, PROGRAM, type TestRepository } from '../helpers/repository.ts';

const types: readonly FilesystemType[] = ['btrfs', 'xfs', 'ext4'];

for (const type of types) {
  describeWith(needsOf(type, 'ext4'), `the main job on ${type}`, () => {
    const filesystem = useFilesystem(type);
    let repository: TestRepository;
    let revisions: readonly { readonly record: RevisionRecord; readonly original: string }[];

    beforeAll(async () => {
      const inside = (name: string): string => join(filesystem.directory, name);
      await makeGuestImage(inside('disk.img'));
      copyFileSync(inside('disk.img'), inside('before.img'));
      repository = await createRepository(inside('repository'), inside('disk.img'));
      const first = await repository.backup();
      await changeAsGuest(inside('disk.img'));
      const second = await repository.backup();
      revisions = [
        { record: first, original: inside('before.img') },
        { record: second, original: inside('disk.img') },
      ];
    });

    it('keeps each state of the disk as a complete raw image', async () => {
      for (const { record, original } of revisions)
        await expectSameBytes(repository.path(record.uuid), original);
      expect(repository.revisionFiles()).toEqual(filesOf(...revisions.map(({ record }) => record)));
      expect(await repository.verify()).toMatchObject({ good: true });
    });

    it('lists both, oldest first, with the cost of the second one', async () => {
      const { stdout } = await repository.backy('status');

      const line = ({ uuid }: RevisionRecord, tag: string): string =>
        `\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d ${uuid} +[\\d.]+ (?:MiB|B) +\\d+s  ${tag}  (trusted|verified)\\n`;
      const [first, second] = revisions.map(({ record }, at) => line(record, `manual:${at + 1}`));
      expect(stdout).toMatch(
        new RegExp(
          `^== Revisions\\nDate +ID +Size +Secs  Tags +Trust\\n${first}${second}\\n== Schedule\\n(.+\\n)+\\n== Summary\\n2 revisions\\n[\\d.]+ (?:MiB|B) data \\(estimated\\)\\nmethod: .+\\nsharing: .+\\n`,
        ),
      );
    });

    it('gives every byte back to dd', async () => {
      const target = join(filesystem.scratch(), 'disk.img');
      for (const { record, original } of [...revisions].reverse()) {
        const isLast = original.endsWith('disk.img');
        for (const name of isLast ? [record.uuid, 'last', 'latest'] : [record.uuid]) {
          await mustRun('dd', [`if=${repository.path(name)}`, `of=${target}`, 'bs=4048000']);
          await expectSameBytes(target, original);
        }
      }
    });

    it.each(['0', '1'])('restores revision %s to a new file, an existing one and a pipe', async (spec) => {
      const scratch = filesystem.scratch();
      const original = revisions.at(-1 - Number(spec))?.original ?? '';
      const [fresh, existing] = [join(scratch, 'fresh.img'), join(scratch, 'existing.img')];
      copyFileSync(revisions[0]?.original ?? '', existing);
      writeAt(existing, 5_000_000, randomBytes(1000));
      for (const target of [fresh, existing]) {
        await mustRun(process.execPath, [PROGRAM, '-b', repository.directory, 'restore', '-r', spec, target]);
        await expectSameBytes(target, original);
      }
      const pipe = '"$0" "$1" -b "$2" restore -r "$3" - | cmp - "$4"';
      await mustRun('sh', ['-c', pipe, process.execPath, PROGRAM, repository.directory, spec, original]);
    });

    it('writes only the differences to a block device', async () => {
      const disk = join(filesystem.scratch(), 'disk');
      makeSparseFile(disk, statSync(repository.source).size);
      const device = await attachDevice(disk);
      const restore = async (): Promise<{ targetKind: string; bytesWritten: number }> =>
        JSON.parse((await repository.backy('--json', 'restore', device)).stdout);

      expect((await restore()).targetKind).toBe('device');
      await expectSameBytes(device, repository.source);
      writeAt(device, 3_000_000, randomBytes(1000));
      const again = await restore();

      await expectSameBytes(device, repository.source);
      expect(again.bytesWritten).toBeGreaterThanOrEqual(1000);
      expect(again.bytesWritten).toBeLessThanOrEqual(32 * 1024);
      expect((await restore()).bytesWritten).toBe(0);
    });

    it('lets a person mount a revision and take a file out of it', async () => {
      const image = repository.path(revisions[0]?.record.uuid ?? '');
      await withMounted(image, 'ro,noload', async (disk) => {
        expect(readFileSync(join(disk, 'letter.txt'), 'utf8')).toBe(LETTER);
        const programs = readdirSync(join(disk, 'bin'));
        expect(programs.length).toBeGreaterThan(10);
        for (const name of programs)
          await mustRun('cmp', ['--', join(disk, 'bin', name), join('/usr/bin', name)]);
      });
      await withMounted(repository.path('last'), 'ro,noload', (disk) => {
        expect(readdirSync(disk)).toContain('news');
        expect(readdirSync(disk)).not.toContain('letter.txt');
      });
      await expectSameBytes(image, revisions[0]?.original ?? '');
    });

    it('keeps everything private, and its links relative', () => {
      const mode = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8);
      expect(mode(repository.directory)).toBe('700');
      for (const name of repository.revisionFiles()) expect(mode(repository.path(name)), name).toBe('400');
      for (const name of ['config', 'backy.log', '.backup', '.purge'])
        expect(mode(repository.path(name)), name).toBe('600');
      const newest = revisions[1]?.record.uuid;
      expect(['last', 'latest', 'last.rev'].map((name) => readlinkSync(repository.path(name)))).toEqual([
        newest,
        newest,
        `${newest}.rev`,
      ]);
    });
  });
}
