import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { MIB, makeSparseFile, randomBytes } from '../helpers/bytes.ts';
import { cleanUpWith } from '../helpers/clean-up.ts';
import { mustRun, type Outcome, run } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { holdComparison, holdingNeeds } from '../helpers/held-command.ts';
import { type HoldingProgram, qemuNeeds, startHolder, startMachine } from '../helpers/holder.ts';
import { attachDevice, withMounted } from '../helpers/loop-device.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith, type Need } from '../helpers/needs.ts';
import { createRepository, PROGRAM, type TestRepository } from '../helpers/repository.ts';

const SIZE = 4 * MIB;
const needs: readonly Need[] = [
  ...needsOf('ext4'),
  'command losetup',
  'command unshare',
  'command python3',
  ...holdingNeeds,
  ...qemuNeeds,
];

/** DESIGN: a target that somebody has open is not overwritten. */
describeWith(needs, 'a target in use', () => {
  const filesystem = useFilesystem('ext4', 96);
  let repository: TestRepository;

  beforeAll(async () => {
    const source = join(filesystem.directory, 'disk.img');
    writeFileSync(source, randomBytes(SIZE));
    repository = await createRepository(join(filesystem.directory, 'repository'), source);
    await repository.backup();
  });

  it.each([
    { kind: 'a virtual machine', program: 'qemu-system-x86', hold: (disk: string) => startMachine(disk) },
    {
      kind: 'qemu-nbd',
      program: 'qemu-nbd',
      hold: (disk: string) => startHolder(disk, 'qemu-nbd', '-f', 'raw', '-t', '-k', `${disk}.socket`, disk),
    },
    {
      kind: 'qemu-storage-daemon',
      program: 'qemu-storage-daemon',
      hold: (disk: string) =>
        startHolder(disk, 'qemu-storage-daemon', '--blockdev', `driver=file,node-name=f,filename=${disk}`),
    },
    { kind: 'an overlay in a virtual machine', program: 'qemu-system-x86', hold: startOverlay },
    {
      kind: 'a program that only reads',
      program: 'sleep',
      hold: (disk: string) => startHolder(disk, 'sh', '-c', 'exec 3<"$1"; exec sleep 600', 'sh', disk),
    },
    {
      kind: 'a program that has only mapped it',
      program: 'python3',
      hold: async (disk: string) => {
        const script =
          'import mmap,sys,os,time\nf=open(sys.argv[1],"r+b")\nm=mmap.mmap(f.fileno(),0)\nm[0]\nf.close()\nopen(sys.argv[1]+".ready","w").close()\nr=open(sys.argv[1]+".ready")\ntime.sleep(600)';
        writeFileSync(`${disk}.ready`, '');
        return startHolder(`${disk}.ready`, 'python3', '-c', script, disk);
      },
    },
  ])('by $kind is left alone until that ends', async ({ program, hold }) => {
    const target = existingFile();
    const holder = await hold(target);

    await isBusy(target, program, `process ${holder.pid}`);
    await holder.stop();
    await isRestored(target);
  });

  it('by a machine that has it as a device is left alone until that ends', async () => {
    const device = await attachDevice(existingFile());
    const machine = await startMachine(device);

    await isBusy(device, `process ${machine.pid}`);
    await machine.stop();
    await isRestored(device);
  });

  it('by a machine that has the disk of a partition, or a partition of the disk', async () => {
    const disk = join(filesystem.scratch(), 'disk');
    makeSparseFile(disk, 12 * MIB);
    const device = await attachDevice(disk);
    await mustRun('addpart', [device, '1', '2048', String((2 * SIZE) / 512)]);
    onTestFinished(async () => {
      await mustRun('delpart', [device, '1']);
    });
    for (const [target, other] of [
      [device, `${device}p1`],
      [`${device}p1`, device],
    ] as const) {
      const machine = await startMachine(other);
      await expectFailure(repository.backy, ['restore', target], {
        code: 'BACKY_TARGET_BUSY',
        says: [target, `process ${machine.pid}`],
      });
      await machine.stop();
    }
  });

  it('by a loop device is left alone, whatever became of its name', async () => {
    const target = existingFile();
    const other = `${target}.other`;
    linkSync(target, other);
    const device = await attachDevice(other);
    await isBusy(target, device, 'losetup -d');
    renameSync(other, `${other}.renamed`);
    await isBusy(target, device);
    rmSync(`${other}.renamed`);
    await isBusy(target, device);
    // A loop device on the loop device has the same bytes.
    const upper = await attachDevice(device);
    await isBusy(device, upper);
  });

  it('by a loop device of another mount namespace is left alone', async () => {
    const target = existingFile();
    const script =
      'mount -t tmpfs none "$1/private" && mkdir "$1/private/here" && mount --bind "$1" "$1/private/here" && losetup --find --show "$1/private/here/target"';
    mkdirSync(join(target, '../private'));
    const device = (await mustRun('unshare', ['-m', 'sh', '-c', script, 'sh', join(target, '..')])).trim();
    const cleanUp = cleanUpWith('losetup --detach "$1"', device);
    onTestFinished(() => cleanUp.now());

    await isBusy(target, device);
  });

  it('by a mount in another namespace is left alone', async () => {
    const disk = existingFile();
    await mustRun('mkfs.ext4', ['-q', '-F', disk]);
    const device = await attachDevice(disk);
    const directory = filesystem.scratch();
    const script = 'mount "$1" "$2" && exec 3<"$2/lost+found" && exec sleep 600';
    const mounting = startHolderOf(device, directory, script);
    const { pid } = await mounting;

    await isBusy(device, `it is mounted on ${directory} in the namespace of process ${pid}`);
    await isBusy(disk, device);
  });

  it('by the kernel, which swaps to it, is left alone until that ends', async () => {
    const target = existingFile(16 * MIB);
    const device = await attachDevice(existingFile(16 * MIB));
    for (const swap of [target, device]) {
      await mustRun('chmod', ['600', swap]);
      await mustRun('mkswap', [swap]);
      await mustRun('swapon', [swap]);
      const cleanUp = cleanUpWith('swapoff "$1"', swap);
      try {
        await isBusy(swap, 'the kernel swaps to it', `swapoff ${swap}`);
      } finally {
        await cleanUp.now();
      }
      await isRestored(swap);
    }
  });

  it('by a program that runs from it is left alone', async () => {
    const target = join(filesystem.scratch(), 'target');
    await mustRun('cp', ['/bin/sleep', target]);
    const program = await startHolder('/dev/null', target, '600');

    await isBusy(target, `target (process ${program.pid})`);
  });

  it('from when it is compared on is refused, and a machine does not start on it', async () => {
    const target = existingFile();
    const before = readFileSync(target);
    const restoring = await holdComparison(repository, target);

    const machine = ['-nodefaults', '-display', 'none', '-M', 'none'];
    const { exitCode, stderr } = await run('qemu-system-x86_64', [
      ...machine,
      '-drive',
      `file=${target},format=raw,if=none`,
    ]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('lock') });
    const device = await attachDevice(target);

    expect(await restoring.goOn()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(device) });
    expect(readFileSync(target).equals(before)).toBe(true);
  });

  it('by a program of another container is left alone', async () => {
    const target = existingFile();
    const holder = await startHolder(target, 'sh', '-c', 'exec 3<"$1"; exec sleep 600', 'sh', target);
    const apart = ['--pid', '--fork', '--mount-proc', process.execPath, PROGRAM];
    const contained = (...args: readonly string[]) =>
      run('unshare', [...apart, '-b', repository.directory, ...args]);

    await expectFailure(contained, ['restore', target], {
      code: 'BACKY_TARGET_BUSY',
      says: [target, 'somebody has it open who cannot be seen from here', 'container'],
    });
    await holder.stop();
    expect(await contained('restore', target)).toMatchObject({ exitCode: 0 });
  });

  it('as the output of a shell is left alone, too, where it is a disk', async () => {
    const target = existingFile();
    const device = await attachDevice(target);
    await streamIsRefused(target, device);

    await mustRun('mkfs.ext4', ['-q', '-F', device]);
    await withMounted(device, 'ro,noload', (directory) => streamIsRefused(device, directory));
    expect(await streamTo(device)).toMatchObject({ exitCode: 0 });
  });

  async function streamIsRefused(target: string, holder: string): Promise<void> {
    const before = readFileSync(target);
    expect(await streamTo(target)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(holder) });
    expect(readFileSync(target).equals(before)).toBe(true);
  }

  /** The shell does not cut off what is there, and has it open itself. */
  function streamTo(target: string): Promise<Outcome> {
    const program = [process.execPath, PROGRAM, '-b', repository.directory, 'restore', '-'];
    return run('sh', ['-c', 'exec 1<>"$1"; shift; "$@"; exit $?', 'sh', target, ...program]);
  }

  function existingFile(size = 2 * SIZE): string {
    const target = join(filesystem.scratch(), 'target');
    writeFileSync(target, randomBytes(size), { mode: 0o600 });
    return target;
  }

  async function isBusy(target: string, ...says: readonly string[]): Promise<void> {
    const before = readFileSync(target);
    await expectFailure(repository.backy, ['restore', target], {
      code: 'BACKY_TARGET_BUSY',
      says: [target, ...says],
    });
    expect(readFileSync(target).equals(before)).toBe(true);
  }

  async function isRestored(target: string): Promise<void> {
    expect(await repository.backy('restore', target)).toMatchObject({ exitCode: 0, stderr: '' });
    await mustRun('cmp', ['--bytes', String(SIZE), target, repository.source]);
  }
});

async function startOverlay(disk: string): Promise<HoldingProgram> {
  const overlay = `${disk}.qcow2`;
  await mustRun('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', disk, overlay]);
  return startMachine(overlay, 'qcow2', disk);
}

/** In a mount namespace of its own. It has a directory of the mount open as soon as that is there. */
async function startHolderOf(device: string, directory: string, script: string): Promise<HoldingProgram> {
  const ready = `${directory}.ready`;
  writeFileSync(ready, '');
  onTestFinished(() => rmSync(ready));
  const withSign = script.replace('exec sleep', 'exec 4<"$3" && exec sleep');
  return startHolder(ready, 'unshare', '-m', 'sh', '-c', withSign, 'sh', device, directory, ready);
}
