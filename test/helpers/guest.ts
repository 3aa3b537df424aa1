import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { MIB, makeSparseFile } from './bytes.ts';
import { type CleanUp, cleanUpWith } from './clean-up.ts';
import { mustRun, start } from './command.ts';
import { BOOT_PATIENCE_MS, type RunScript, talkThrough } from './guest-port.ts';
import type { Need } from './needs.ts';
import { makeScratch } from './scratch.ts';

/** Options of the kernel that a guest needs besides the usual ones. */
export type GuestKind = 'device mapper' | 'ZFS';

/** The requirements of `useGuest`. */
export const guestNeeds: readonly Need[] = [
  'root',
  'x86-64',
  'command apt-get',
  'command busybox',
  'command cpio',
  'command depmod',
  'command qemu-system-x86_64',
];

/**
 * A virtual machine for what the kernel here may lack. It sees the root filesystem of this machine, so
 * every program, backy included, is there; what it writes outside of its disks is in its memory, and lost.
 */
export interface Guest {
  readonly run: RunScript;
  /** Runs a bash script in which no command may fail. Returns what it printed. */
  mustRun(script: string): Promise<string>;
}

/** A guest that has booted, and how it is switched off. */
interface Booted {
  readonly run: RunScript;
  readonly cleanUp: CleanUp;
}

const BOOT_ATTEMPTS = 3;
/** Fetching a kernel of 100 MiB may take a while, and so may building modules where the processors are busy. */
const MAKING_PATIENCE_S: Readonly<Record<GuestKind, number>> = { 'device mapper': 600, ZFS: 3600 };
/** With some time for switching off what did not boot. */
const BOOTING_PATIENCE_MS = BOOT_ATTEMPTS * (BOOT_PATIENCE_MS + 10_000);

/** The cache of modules, built once for each version of a kernel. Keep this directory when you start with an empty machine. */
const cacheDirectory =
  process.env.BACKY_ZFS_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'backy', 'zfs');

const ingredients = fileURLToPath(new URL('guest/', import.meta.url));

/**
 * Gives all tests of the surrounding describe one guest.
 *
 * @param disksMib sizes of its empty disks, /dev/vda and so on
 */
export function useGuest(kind: GuestKind, disksMib: readonly number[]): Guest {
  let booted: Booted | undefined;
  beforeAll(
    async () => {
      booted = await boot(await prepareGuest(kind), disksMib, BOOT_ATTEMPTS);
    },
    MAKING_PATIENCE_S[kind] * 1000 + BOOTING_PATIENCE_MS,
  );
  afterAll(() => booted?.cleanUp.now());
  const run: RunScript = (script) => {
    if (booted) return booted.run(script);
    throw new Error('the guest has not booted');
  };
  return {
    run,
    mustRun: async (script) => {
      const { exitCode, stdout, stderr } = await run(`set -euo pipefail\n${script}`);
      if (exitCode === 0) return stdout;
      throw new Error(`in the guest, this failed with ${exitCode}:\n${script}\n${stderr}${stdout}`);
    },
  };
}

/** Makes kernel and initramfs, once for each version of their ingredients. @returns their directory */
async function prepareGuest(kind: GuestKind): Promise<string> {
  const digest = createHash('sha256').update(kind);
  for (const name of readdirSync(ingredients).sort()) digest.update(readFileSync(join(ingredients, name)));
  const directory = join(tmpdir(), `backy-guest-${digest.digest('hex').slice(0, 12)}`);
  const isMade = existsSync(join(directory, 'initramfs'));
  const cache = kind === 'ZFS' ? [cacheDirectory] : [];
  const make = ['bash', join(ingredients, 'make-guest.sh'), directory, ...cache];
  if (!isMade) await mustRun('timeout', [String(MAKING_PATIENCE_S[kind]), 'nice', ...make]);
  return directory;
}

async function boot(files: string, disksMib: readonly number[], attempts: number): Promise<Booted> {
  const home = makeScratch();
  const server = createServer();
  const connection = new Promise<Socket>((resolve) => server.once('connection', resolve));
  server.listen(join(home, 'port'));
  await once(server, 'listening');
  const machine = start('qemu-system-x86_64', [
    ...machineOptions(files, home),
    ...diskOptions(home, disksMib),
  ]);
  const stop = 'kill -KILL "-$1" 2>/dev/null; rm -rf --one-file-system "$2"';
  const cleanUp = cleanUpWith(stop, String(machine.pid), home);
  try {
    return { run: await talkThrough(machine, connection), cleanUp };
  } catch (cause) {
    const console = readFileSync(join(home, 'console'), 'utf8').slice(-2000);
    await cleanUp.now();
    // An emulated machine crashes in its firmware now and then.
    if (attempts > 1) return boot(files, disksMib, attempts - 1);
    throw new Error(`the guest does not boot: ${console}`, { cause });
  } finally {
    server.close();
  }
}

/**
 * One processor: two of an emulated guest wait for each other where the machine is busy, which doubles what a backup costs.
 * An old kind of processor: emulating the instructions of a new one costs more than they save.
 */
function machineOptions(files: string, home: string): readonly string[] {
  return [
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-m', '1536M', '-smp', '1', '-M', 'q35'],
    ...(hasKvm() ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg', '-cpu', 'Nehalem']),
    ...['-kernel', join(files, 'kernel'), '-initrd', join(files, 'initramfs')],
    ...['-append', 'console=ttyS0 quiet panic=-1 mitigations=off nokaslr random.trust_cpu=on nowatchdog'],
    ...['-serial', `file:${join(home, 'console')}`],
    ...['-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=host,mount_tag=host'],
    ...['-chardev', `socket,id=port,path=${join(home, 'port')}`, '-device', 'virtio-serial-pci'],
    ...['-device', 'virtserialport,chardev=port', '-device', 'virtio-rng-pci'],
  ];
}

function diskOptions(home: string, disksMib: readonly number[]): readonly string[] {
  return disksMib.flatMap((sizeMib, number) => {
    const path = join(home, `disk${number}`);
    makeSparseFile(path, sizeMib * MIB);
    return ['-drive', `file=${path},format=raw,if=virtio,cache=unsafe,discard=unmap`];
  });
}

/** Other kinds of KVM, such as nested paravirtual ones, run no ordinary kernel. */
function hasKvm(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return existsSync('/sys/module/kvm_intel') || existsSync('/sys/module/kvm_amd');
  } catch {
    return false;
  }
}
