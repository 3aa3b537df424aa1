import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { expectSameBytes, MIB, makeSparseFile, writeAt } from '../helpers/bytes.ts';
import { mustRun, run, searchPath } from '../helpers/command.ts';
import { withMounted } from '../helpers/loop-device.ts';
import {
  type FilesystemType,
  type LoopFilesystem,
  needsOf,
  useFilesystem,
} from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, PROGRAM, type TestRepository } from '../helpers/repository.ts';

const README = fileURLToPath(new URL('../../README.md', import.meta.url));
const FILES = 51;
const guests = ['ext4', 'xfs'] as const;
const makers = { ext4: ['mkfs.ext4', '-q', '-F'], xfs: ['mkfs.xfs', '-q', '-f'] } as const;
const frozen = { ext4: 'ro,noload', xfs: 'ro,norecovery,nouuid' } as const;
const sectorBytes = 512;
const firstSector = 2048;

/** A backup contains the files that a guest has fsynced, and the commands of the README extract them. */
describeWith([...needsOf('xfs', 'ext4'), 'command partx'], 'single files, as the README says', () => {
  const filesystem = useFilesystem('xfs', 1600);
  const plain = useFilesystem('ext4', 1600);

  it.each(guests)('are all there on %s, although they are in its journal only', async (type) => {
    const { repository, backedUp } = await backUpMounted(filesystem, type, 0);
    const image = repository.path(backedUp);
    // Otherwise this would prove nothing.
    await withMounted(image, frozen[type], async (directory) =>
      expect(present(directory)).toBeLessThan(FILES),
    );

    expect(await followReadme(repository, 'Single files', type)).toBe(FILES);

    await expectSameBytes(image, `${repository.source}.then`);
    expect(await repository.verify()).toMatchObject({ good: true });
  });

  it.each(guests)('are all there on %s in a partition', async (type) => {
    const { repository, backedUp } = await backUpMounted(filesystem, type, firstSector * sectorBytes);

    expect(await followReadme(repository, 'With a partition table', type)).toBe(FILES);

    await expectSameBytes(repository.path(backedUp), `${repository.source}.then`);
  });

  it('are all there where the repository has no reflinks, too', async () => {
    const { repository } = await backUpMounted(plain, 'ext4', 0);
    const copied = (command: string): string => command.replace(' --clone', '');
    expect(await followReadme(repository, 'Single files', 'ext4', copied)).toBe(FILES);
  });

  /** A disk is backed up while it is mounted, with its last writes durable in the journal. */
  async function backUpMounted(place: LoopFilesystem, type: 'ext4' | 'xfs', offset: number) {
    const scratch = place.scratch();
    const source = join(scratch, 'disk.img');
    makeSparseFile(source, 320 * MIB + offset);
    const inside = join(scratch, 'inside.img');
    makeSparseFile(inside, 320 * MIB);
    const [maker, ...options] = makers[type];
    await mustRun(maker, [...options, inside]);
    await mustRun('dd', [
      `if=${inside}`,
      `of=${source}`,
      'bs=1M',
      'conv=notrunc,sparse',
      `seek=${offset / MIB}`,
    ]);
    rmSync(inside);
    if (offset > 0) writeAt(source, 0, partitionTable((320 * MIB) / sectorBytes));
    const repository = await createRepository(join(scratch, 'web1'), source);
    const backedUp = await withMounted(source, offset > 0 ? `offset=${offset}` : 'rw', async (directory) => {
      mkdirSync(join(directory, 'etc'));
      await mustRun('sync', ['--file-system', directory]);
      const write =
        'for n in $(seq "$2"); do echo "$n" >"$1/etc/$n" && sync "$1/etc/$n"; done; sync "$1/etc"';
      await mustRun('sh', ['-c', write, 'sh', directory, String(FILES)]);
      const { uuid } = await repository.backup();
      await mustRun('cp', ['--sparse=always', repository.path(uuid), `${source}.then`]);
      return uuid;
    });
    return { repository, backedUp };
  }
});

/** Runs the commands below a heading with our paths, and counts the files that they lead to. */
async function followReadme(
  { directory }: TestRepository,
  heading: string,
  type: FilesystemType,
  change = (command: string): string => command,
): Promise<number> {
  const parent = join(directory, '..');
  const [mount, out, programs] = [join(parent, 'mnt'), join(parent, 'out'), join(parent, 'bin')];
  for (const place of [mount, out, programs]) mkdirSync(place);
  symlinkSync(PROGRAM, join(programs, 'backy'));
  const commands = blockBelow(heading)
    .map((line) => line.replace(/ +# XFS: add (\S+)$/, ''))
    .map((line) => (type === 'xfs' ? line.replace(',noexec', ',noexec,nouuid') : line))
    .map((line) => line.replaceAll(/\/srv\/backy|\/mnt/g, (name) => (name === '/mnt' ? mount : parent)))
    .map((line) => line.replace(/^cp \S+ \/tmp/, `cp ${mount}/etc/* ${out}`));
  const { exitCode, stderr } = await run('bash', ['-e', '-c', change(commands.join('\n'))], {
    env: { PATH: `${programs}:${searchPath}` },
  });
  await run('umount', [mount]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return present(out, '.');
}

function blockBelow(heading: string): readonly string[] {
  const text = readFileSync(README, 'utf8');
  const [, block = ''] = /\n((?: {4}.*\n)+)/.exec(text.slice(text.indexOf(heading))) ?? [];
  const lines = block.split('\n').map((line) => line.slice(4));
  expect(lines.length).toBeGreaterThan(3);
  return lines;
}

/** Counts the guest's files that are there, with their contents. */
function present(directory: string, below = 'etc'): number {
  const names = Array.from({ length: FILES }, (_, n) => String(n + 1));
  return names.filter((name) => {
    try {
      return readFileSync(join(directory, below, name), 'utf8') === `${name}\n`;
    } catch {
      return false;
    }
  }).length;
}

/** One partition: the Master Boot Record, as in the UEFI specification, 5.2.1. */
function partitionTable(sectors: number): Buffer {
  const table = Buffer.alloc(sectorBytes);
  table[446 + 4] = 0x83;
  table.writeUInt32LE(firstSector, 446 + 8);
  table.writeUInt32LE(sectors, 446 + 12);
  table.writeUInt16LE(0xaa55, 510);
  return table;
}
