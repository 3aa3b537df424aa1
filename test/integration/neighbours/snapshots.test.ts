import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { hashOf, KIB, MIB, randomBytes, writeAt } from '../../helpers/bytes.ts';
import { mustRun } from '../../helpers/command.ts';
import { type LoopFilesystem, needsOf, useFilesystem } from '../../helpers/loop-filesystem.ts';
import { describeWith } from '../../helpers/needs.ts';
import { createRepository, PROGRAM, type TestRepository } from '../../helpers/repository.ts';
import {
  AS_SECOND_USER,
  GROUP_ID,
  letOthersInto,
  NEEDS_OF_SECOND_USER,
  USER_ID,
} from '../../helpers/second-user.ts';
import { type Calls, callsNeeds, compileCalls } from '../../torture/tracer/calls.ts';
import { recordsOf, snapshotsIn } from './snapshot-files.ts';

const diskBytes = MIB;

/**
 * Attacks of the owner of a source's directory on each snapshot there: `$1` is that directory, `evil.img` in it a file
 * of theirs as large as the disk, `$2` a file that only root may read.
 */
const ATTACKS: Readonly<Record<string, string>> = {
  'a file of theirs': 'cp evil.img "$e"',
  'a directory of theirs': 'mkdir -m 700 "$e"; cp evil.img "$e/$id"',
  'a symbolic link to a file of theirs': 'ln -s evil.img "$e"',
  'a symbolic link to a file of root': 'ln -s "$2" "$e"',
  'a directory with a link to a file of root': 'mkdir -m 755 "$e"; ln -s "$2" "$e/$id"',
  'a hard link of their file': 'ln evil.img "$e"',
};
const ATTACK = `cd "$1" || exit 0
for e in .*.backy-*; do
  case "$e" in *'*'*) continue;; esac
  id=$(expr "$e" : '.*-\\(.\\{36\\}\\)$')
  mv -T "$e" "away-$e" 2>/dev/null || continue
  $ATTACK
done 2>/dev/null
exit 0
`;

describeWith(
  [...NEEDS_OF_SECOND_USER, ...callsNeeds, ...needsOf('btrfs', 'xfs')],
  'whoever owns the directory of a source',
  () => {
    const filesystems = { btrfs: useFilesystem('btrfs'), xfs: useFilesystem('xfs') };
    let calls: Calls;
    beforeAll(async () => {
      calls = await compileCalls(filesystems.xfs.directory);
      for (const filesystem of Object.values(filesystems)) letOthersInto(filesystem);
    });
    const others = { btrfs: 'xfs', xfs: 'btrfs' } as const;
    const placesOf = (type: 'btrfs' | 'xfs', where: string): readonly [LoopFilesystem, LoopFilesystem] => [
      filesystems[type],
      filesystems[where === 'the same' ? type : others[type]],
    ];

    // Each call meets an attack on one of the two filesystems; where no snapshot has a name, some calls are enough.
    it.each([
      ['btrfs', 'another', 1, 2],
      ['xfs', 'another', 2, 2],
      ['btrfs', 'the same', 1, 4],
      ['xfs', 'the same', 3, 4],
    ] as const)(
      'changes no revision by a swap at any call: %s, repository on %s filesystem',
      async (type, where, firstCall, step) => {
        const place = await hostilePlace(...placesOf(type, where));
        const { repository, directory, secret } = place;
        await repository.backup();
        expectSound(place, 'the first');
        writeAt(repository.source, 5 * KIB, randomBytes(KIB));
        const before = await calls.run(directory, backupCommand(repository), { opens: true });
        expect(before.exitCode).toBe(0);
        expectSound(place, 'the second');
        const attacks = Object.entries(ATTACKS);
        let swapped = 0;
        for (let call: number = firstCall; call <= before.calls.length; call += step) {
          const [, attack = ''] = attacks[Math.floor(call / step) % attacks.length] ?? [];
          writeAt(repository.source, (call * 7 + 3) * KIB, randomBytes(KIB));
          const script = ATTACK.replace('$ATTACK', attack);
          const shell = `${AS_SECOND_USER.join(' ')} sh -c '${script.replaceAll("'", `'\\''`)}' sh ${directory} ${secret}`;

          const { exitCode, stderr } = await calls.run(directory, backupCommand(repository), {
            opens: true,
            meanwhile: { call, shell },
          });

          swapped += readdirSync(directory).some((name) => name.startsWith('away-')) ? 1 : 0;
          expectSound(place, `${call}: ${before.calls[call - 1]}, ${attack}: ${exitCode} ${stderr}`);
          clearAway(place);
          if (exitCode === 0) continue;
          await repository.backup();
          expectSound(place, `after ${call}`);
        }
        if (where === 'another') expect(swapped).toBeGreaterThan(before.calls.length / step / 2);
        else expect(snapshotsIn(directory)).toEqual([]);
        expectSound(place, 'at the end');
        expect(await repository.verify()).toMatchObject({ good: true });
        expect(readFileSync(secret, 'utf8')).toBe('secret');
      },
    );

    it.each(['btrfs', 'xfs'] as const)(
      'gets a full read, or none, by any exchange of the names of snapshots on %s',
      async (type) => {
        // Those in which everything stays, or two change places, on one; the others on the other.
        const all = permutationsOf([0, 1, 2]);
        for (const names of all.filter((_, at) => at % 2 === (type === 'btrfs' ? 0 : 1))) {
          const place = await hostilePlace(...placesOf(type, 'another'));
          const { repository, directory } = place;
          await repository.backup();
          expectSound(place, 'the first');
          writeAt(repository.source, 0, randomBytes(KIB));
          const whole = await calls.run(repository.directory, backupCommand(repository));
          expectSound(place, 'the second');
          // Killed with its snapshot taken.
          writeAt(repository.source, 300 * KIB, randomBytes(KIB));
          const killAt = 1 + whole.calls.findLastIndex((call) => /^clone .*[0-9a-f]\.partial$/.test(call));
          expect(killAt).toBeGreaterThan(1);
          await calls.run(repository.directory, backupCommand(repository), { killAt });
          writeAt(repository.source, 600 * KIB, randomBytes(KIB));
          const other = await createRepository(`${repository.directory}-other`, repository.source);
          await other.backup();
          writeAt(repository.source, 900 * KIB, randomBytes(KIB));
          const snapshots = snapshotsIn(directory);
          expect(snapshots).toHaveLength(3);
          const moves = names.map((to, from) => `mv -T "${snapshots[from]}" "new-${to}"; `).join('');
          const back = names.map((to) => `mv -T "new-${to}" "${snapshots[to]}"; `).join('');
          await mustRun('env', [...AS_SECOND_USER, 'sh', '-ec', `cd "$1"; ${moves}${back}`, 'sh', directory]);

          const places = [place, { ...place, repository: other, sealed: sealedIn(other) }];
          for (const each of places) {
            const { stats } = await each.repository.backup();
            const isInPlace = names.every((to, from) => to === from);
            if (isInPlace) expect(stats.method).toBe('extent-map');
            expectSound(each, names.join());
          }

          // Nothing is left behind, whatever it is called.
          expect(snapshotsIn(directory)).toHaveLength(2);
          rmSync(repository.directory, { recursive: true });
        }
      },
    );

    it('has no hand in an image: the snapshot has no name in their directory', async () => {
      const place = await hostilePlace(filesystems.xfs, filesystems.xfs);
      const { repository, directory } = place;
      for (let n = 0; n < 3; n += 1) {
        const { calls: made } = await calls.run(dirname(directory), backupCommand(repository));
        expect(made.filter((call) => call.includes(`${directory}/`))).toEqual([]);
        expectSound(place, 'made by a clone');
      }
      const [, second] = recordsOf(repository);
      expect(second).toMatchObject({ stats: { method: 'clone' }, source: { snapshotFile: { inode: /\d/ } } });
    });

    it('cannot enter the directory of a snapshot, nor keep other snapshots from being removed', async () => {
      const { repository, directory } = await hostilePlace(filesystems.btrfs, filesystems.xfs);
      await repository.backup();
      const [first = ''] = snapshotsIn(directory);
      expect(lstatSync(join(directory, first))).toMatchObject({ uid: 0 });
      expect(lstatSync(join(directory, first)).mode & 0o7777).toBe(0o700);
      expect(lstatSync(join(directory, first, first.slice(-36))).mode & 0o7777).toBe(0o400);
      // In front of the others in every list of names.
      const planted = `${first.slice(0, -36)}00000000-0000-7${first.slice(-21)}`;
      const notes = JSON.parse(readFileSync(repository.path('.snapshots'), 'utf8'));
      const uuid = planted.slice(-36);
      notes.snapshots.unshift({ type: 'file', uuid, path: join(directory, planted) });
      writeFileSync(repository.path('.snapshots'), JSON.stringify(notes));
      const plant = 'cd "$1"; mkdir -p "$2/$3"; touch "$2/$3/file"';
      await mustRun('env', [...AS_SECOND_USER, 'sh', '-ec', plant, 'sh', directory, planted, uuid]);

      const next = await repository.backup();

      expect(next.stats.method).toBe('extent-map');
      const left = snapshotsIn(directory);
      expect(left).toEqual([planted, expect.stringContaining(next.uuid)].sort());
      expect(existsSync(join(directory, planted, uuid, 'file'))).toBe(true);
    });
  },
);

describeWith([...callsNeeds, ...needsOf('btrfs', 'xfs')], 'a file that is sealed', () => {
  const [btrfs, xfs] = [useFilesystem('btrfs'), useFilesystem('xfs')];

  it.each([
    ['has a second name', (path: string) => `ln ${path} ${path}.second`],
    ['belongs to another user', (path: string) => `chown ${USER_ID} ${path}`],
  ])('is refused when it %s', async (reason, change) => {
    const calls = await compileCalls(xfs.scratch());
    const source = join(xfs.scratch(), 'disk.img');
    writeFileSync(source, randomBytes(diskBytes));
    const repository = await createRepository(join(btrfs.scratch(), 'repository'), source);
    await repository.backup();
    const { calls: made } = await calls.run(repository.directory, backupCommand(repository));
    // It is looked at right before its mode is changed.
    const call = made.findIndex((line) => /^chmod .*[0-9a-f]\.partial$/.test(line));
    expect(call).toBeGreaterThan(1);
    const shell = `for f in ${repository.directory}/*[0-9a-f].partial; do ${change('$f')}; done`;
    const outcome = await calls.run(repository.directory, backupCommand(repository), {
      meanwhile: { call, shell },
    });
    expect(outcome).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(reason) });
    for (const name of readdirSync(repository.directory).filter((each) => each.endsWith('.second')))
      rmSync(repository.path(name));
    expect(recordsOf(repository)).toHaveLength(2);
    await repository.backup();
  });

  it('is refused while somebody has it open for writing', async () => {
    const calls = await compileCalls(xfs.scratch());
    const source = join(xfs.scratch(), 'disk.img');
    writeFileSync(source, randomBytes(diskBytes));
    const repository = await createRepository(join(btrfs.scratch(), 'repository'), source);
    await repository.backup();
    const { calls: made } = await calls.run(repository.directory, backupCommand(repository));
    const call = 1 + made.findIndex((line) => /^chmod .*[0-9a-f]\.partial$/.test(line));
    const home = xfs.scratch();
    // A process that keeps it open until this test removes a file.
    const keep = `exec 3<>"$f"; touch ${home}/held; while [ -e ${home}/held ]; do sleep 0.05; done`;
    const shell = `for f in ${repository.directory}/*[0-9a-f].partial; do (${keep}) >/dev/null 2>&1 & done; while [ ! -e ${home}/held ]; do sleep 0.05; done`;
    try {
      const outcome = await calls.run(repository.directory, backupCommand(repository), {
        meanwhile: { call, shell },
      });
      expect(outcome).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('open for writing') });
    } finally {
      rmSync(join(home, 'held'), { force: true });
    }
    expect(recordsOf(repository)).toHaveLength(2);
    await repository.backup();
  });

  it('may be read by others', async () => {
    const source = join(xfs.scratch(), 'disk.img');
    writeFileSync(source, randomBytes(diskBytes));
    const repository = await createRepository(join(xfs.scratch(), 'repository'), source);
    const held = openSync(source, 'r+');
    const { uuid } = await repository.backup();
    closeSync(held);
    expect(statSync(repository.path(uuid))).toMatchObject({ nlink: 1, uid: 0 });
  });
});

interface HostilePlace {
  readonly repository: TestRepository;
  /** The directory of the source, which belongs to the second user, as does the source. */
  readonly directory: string;
  /** A file that only root may read. */
  readonly secret: string;
  /** The contents of sealed revisions, by id. */
  readonly sealed: Map<string, string>;
}

async function hostilePlace(sources: LoopFilesystem, repositories: LoopFilesystem): Promise<HostilePlace> {
  const scratch = sources.scratch();
  chmodSync(scratch, 0o755);
  const [directory, secret] = [join(scratch, 'images'), join(scratch, 'secret')];
  mkdirSync(directory);
  writeFileSync(secret, 'secret', { mode: 0o600 });
  const source = join(directory, 'disk.img');
  for (const path of [source, join(directory, 'evil.img')]) {
    writeFileSync(path, randomBytes(diskBytes));
    chownSync(path, USER_ID, GROUP_ID);
  }
  chownSync(directory, USER_ID, GROUP_ID);
  const repository = await createRepository(join(repositories.scratch(), 'repository'), source);
  return { repository, directory, secret, sealed: new Map() };
}

function backupCommand({ directory }: TestRepository): readonly [string, ...string[]] {
  return ['env', process.execPath, PROGRAM, '-b', directory, 'backup', 'manual:attacked'];
}

/**
 * Every sealed file is ours, read-only, has one name, and is what it was, whatever the owner of the directory writes to
 * what is theirs. A new revision is what its source is.
 */
function expectSound({ repository, directory, sealed }: HostilePlace, what: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (name === basename(repository.source) || !lstatSync(path).isFile()) continue;
    if (lstatSync(path).uid === USER_ID) writeAt(path, 0, Buffer.from('EVIL'));
  }
  for (const { uuid } of recordsOf(repository)) {
    for (const name of [uuid, `${uuid}.hashes`, `${uuid}.rev`]) {
      const { uid, mode, nlink } = lstatSync(repository.path(name));
      expect({ what, name, uid, mode: mode & 0o7777, nlink }).toMatchObject({
        uid: 0,
        mode: 0o400,
        nlink: 1,
      });
    }
    const hash = hashOf(repository.path(uuid));
    if (!sealed.has(uuid)) expect({ what, hash }).toEqual({ what, hash: hashOf(repository.source) });
    sealed.set(uuid, sealed.get(uuid) ?? hash);
    expect({ what, hash }).toEqual({ what, hash: sealed.get(uuid) });
  }
}

function sealedIn(repository: TestRepository): Map<string, string> {
  return new Map(recordsOf(repository).map(({ uuid }) => [uuid, hashOf(repository.path(uuid))]));
}

/** Removes the leftovers of an attack. */
function clearAway({ directory }: HostilePlace): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (name.startsWith('away-') || (name.startsWith('.') && lstatSync(path).uid === USER_ID))
      rmSync(path, { recursive: true, force: true });
  }
}

function permutationsOf(items: readonly number[]): readonly (readonly number[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item) =>
    permutationsOf(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}
