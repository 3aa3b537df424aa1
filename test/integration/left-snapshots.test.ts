import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { DoctorReport } from '../../src/operations/status/doctor.ts';
import { MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { backy, createRepository, PROGRAM, type TestRepository } from '../helpers/repository.ts';

const diskBytes = 4 * MIB;

describeWith(needsOf('xfs', 'btrfs'), 'a snapshot that a repository left at its source', () => {
  const sources = useFilesystem('xfs');
  const repositories = useFilesystem('btrfs');

  it('is found and removed after the source got another name, and changes are still known', async () => {
    const { images, repository } = await backedUp();
    renameSync(join(images, 'disk.img'), join(images, 'web.img'));
    configure(repository, 'disk.img', 'web.img');
    writeAt(join(images, 'web.img'), MIB, randomBytes(4096));

    const { method, uuid } = await backUp(repository.directory);

    expect(method).toBe('extent-map');
    expect(snapshotsIn(images)).toEqual([expect.stringMatching(new RegExp(`^\\.web\\.img\\..*${uuid}$`))]);
  });

  it('is found and removed after its directory got another name', async () => {
    const { scratch, images, repository } = await backedUp();
    const moved = join(scratch, 'moved');
    renameSync(images, moved);
    configure(repository, `${images}/`, `${moved}/`);

    const { method, uuid } = await backUp(repository.directory);

    expect(method).toBe('extent-map');
    expect(snapshotsIn(moved)).toEqual([expect.stringContaining(uuid)]);
  });

  it('is removed after a link that is the source leads elsewhere', async () => {
    const { scratch, images, repository } = await backedUp('link');
    const others = join(scratch, 'others');
    mkdirSync(others);
    writeFileSync(join(others, 'disk.img'), randomBytes(diskBytes));
    rmSync(repository.source);
    symlinkSync(join(others, 'disk.img'), repository.source);

    const { uuid } = await backUp(repository.directory);

    expect(snapshotsIn(images)).toEqual([]);
    expect(snapshotsIn(others)).toEqual([expect.stringContaining(uuid)]);
    expect(await repository.verify()).toMatchObject({ good: true });
  });

  it('is removed after the source became another type', async () => {
    const { images, repository } = await backedUp();
    writeFileSync(
      repository.path('config'),
      readFileSync(repository.path('config'), 'utf8').replace(
        /type: file\n.*\n/,
        'type: lvm\n  volume-group: no-such-group\n  volume: disk\n',
      ),
    );

    await repository.backy('backup', 'manual:fails');

    expect(snapshotsIn(images)).toEqual([expect.any(String)]);
    expect((await repository.backy('retire')).exitCode).toBe(0);
    expect(snapshotsIn(images)).toEqual([]);
  });

  it('belongs to a repository that was moved, and not to the one that is now in its place', async () => {
    const { images, repository } = await backedUp();
    const moved = `${repository.directory}-moved`;
    renameSync(repository.directory, moved);
    const successor = await createRepository(repository.directory, join(images, 'disk.img'));

    await successor.backup();
    expect(snapshotsIn(images)).toHaveLength(2);
    const { method, uuid } = await backUp(moved);

    expect(method).toBe('extent-map');
    expect(snapshotsIn(images).filter((name) => name.endsWith(uuid))).toHaveLength(1);
    expect(snapshotsIn(images)).toHaveLength(2);
    expect((await backUp(successor.directory)).method).toBe('extent-map');
    expect(snapshotsIn(images)).toHaveLength(2);
  });

  it('made by an earlier version, which noted nothing, is adopted', async () => {
    const { images, repository } = await backedUp();
    rmSync(repository.path('.snapshots'));

    const { method, uuid } = await backUp(repository.directory);

    expect(method).toBe('extent-map');
    expect(snapshotsIn(images)).toEqual([expect.stringContaining(uuid)]);
  });

  it('is no other file of its name', async () => {
    const { images, repository } = await backedUp();
    const [name = ''] = snapshotsIn(images);
    // Under another name, so that its number is not free for the next file.
    renameSync(join(images, name), join(images, 'kept-elsewhere'));
    writeFileSync(join(images, name), 'precious');

    await backUp(repository.directory);

    expect(readFileSync(join(images, name), 'utf8')).toBe('precious');
    expect(existsSync(join(images, 'kept-elsewhere'))).toBe(true);
    expect((await repository.backy('retire')).exitCode).toBe(0);
    expect(readFileSync(join(images, name), 'utf8')).toBe('precious');
  });

  it('of a run that was killed is removed by the next one', async () => {
    const { images, repository } = await backedUp();
    const [note] = notesOf(repository);
    const killed = '01a21015-102b-7a35-a28b-5ec7858a48a1';
    const path = join(images, `.disk.img.backy-01234567-${killed}`);
    writeFileSync(
      repository.path('.snapshots'),
      JSON.stringify({ snapshots: [note, { type: 'file', uuid: killed, path }] }),
    );
    writeFileSync(path, 'half a snapshot');

    const { uuid } = await backUp(repository.directory);

    expect(snapshotsIn(images)).toEqual([expect.stringContaining(uuid)]);
    expect(notesOf(repository)).toEqual([expect.objectContaining({ uuid, identity: expect.anything() })]);
  });

  it('is named by doctor if it has no owner, with the command that removes it', async () => {
    const { images, repository } = await backedUp();
    const neighbour = await createRepository(`${repository.directory}-beside`, join(images, 'disk.img'));
    await neighbour.backup();
    expect((await reportOf(neighbour)).unclaimedSnapshots).toEqual([]);
    const { uuid } = (await repository.status()).revisions[0] ?? {};
    rmSync(repository.directory, { recursive: true });

    const { unclaimedSnapshots, verdict } = await reportOf(neighbour);

    expect(verdict).toBe('ready');
    expect(unclaimedSnapshots).toEqual([expect.objectContaining({ uuid })]);
    expect((await neighbour.backy('doctor')).stdout).toContain(`  ${unclaimedSnapshots[0]?.removal}\n`);
    await mustRun('sh', ['-c', unclaimedSnapshots[0]?.removal ?? 'false']);
    expect((await reportOf(neighbour)).unclaimedSnapshots).toEqual([]);
    expect(snapshotsIn(images)).toHaveLength(1);
    expect((await backUp(neighbour.directory)).method).toBe('extent-map');
  });

  it('is removed when its repository is retired, and the images stay', async () => {
    const { images, repository } = await backedUp();
    const [name = ''] = snapshotsIn(images);

    const plan = await repository.backy('retire', '-n');
    expect(plan).toMatchObject({ exitCode: 0, stderr: '' });
    expect(plan.stdout).toBe(
      `${join(images, name)}\n1 snapshot would be removed; 1 revision stays in ${repository.directory} as plain images\n`,
    );
    expect(snapshotsIn(images)).toHaveLength(1);
    renameSync(join(images, 'disk.img'), join(images, 'gone.img'));
    const before = repository.revisionFiles();
    expect(await repository.backy('retire')).toMatchObject({ exitCode: 0, stderr: '' });

    expect(snapshotsIn(images)).toEqual([]);
    expect(repository.revisionFiles()).toEqual(before);
    expect(await repository.verify()).toMatchObject({ good: true });
    renameSync(join(images, 'gone.img'), join(images, 'disk.img'));
    expect(await backUp(repository.directory)).toMatchObject({ method: 'full' });
  });

  /** A disk in a directory of its own, and a repository on another filesystem that has one revision of it. */
  async function backedUp(link?: string) {
    const scratch = sources.scratch();
    const images = join(scratch, 'images');
    mkdirSync(images);
    const disk = join(images, 'disk.img');
    writeFileSync(disk, randomBytes(diskBytes));
    const source = link === undefined ? disk : join(scratch, link);
    if (link !== undefined) symlinkSync(disk, source);
    const repository = await createRepository(join(repositories.scratch(), 'repository'), source);
    await repository.backup();
    expect(snapshotsIn(images)).toHaveLength(1);
    return { scratch, images, repository };
  }
});

/** Hidden snapshots in a directory. */
function snapshotsIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => name.includes('.backy-'))
    .sort();
}

async function backUp(directory: string): Promise<{ readonly uuid: string; readonly method: string }> {
  const output = await mustRun(process.execPath, [
    PROGRAM,
    '-b',
    directory,
    '--json',
    'backup',
    'manual:again',
  ]);
  const { uuid, stats } = JSON.parse(output).record;
  return { uuid, method: stats.method };
}

function configure(repository: TestRepository, from: string, to: string): void {
  const config = readFileSync(repository.path('config'), 'utf8');
  writeFileSync(repository.path('config'), config.replace(from, to));
}

function notesOf(repository: TestRepository): readonly { readonly uuid: string }[] {
  return JSON.parse(readFileSync(repository.path('.snapshots'), 'utf8')).snapshots;
}

async function reportOf({ directory }: TestRepository): Promise<DoctorReport> {
  return JSON.parse((await backy(directory, ['--json', 'doctor'])).stdout);
}
