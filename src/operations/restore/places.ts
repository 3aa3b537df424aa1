import type { BigIntStats } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifPresent } from '../../io-error.ts';
import type { Place } from '../../repository/restore-marks.ts';

const DEVICES = '/sys/dev/block';
const BOOT = '/proc/sys/kernel/random/boot_id';
/** Error numbers that mean a missing, detached or inaccessible file. */
const UNREACHABLE = ['ENOENT', 'ENOTDIR', 'ENXIO', 'ENODEV', 'EACCES', 'EPERM', 'EINVAL'];

/**
 * Returns the file or device of a path, followed by everything that contains it: the disk of a partition, the disks
 * below a volume, the file of a loop device. Empty if the path does not exist. See sysfs(5) and
 * Documentation/ABI/stable/sysfs-block.
 *
 * @throws the errors of Node
 */
export async function placesOf(path: string): Promise<readonly Place[]> {
  const facts = await ifPresent(() => stat(path, { bigint: true }), UNREACHABLE);
  if (!facts) return [];
  const place = placeOf(facts);
  return place.inode === undefined ? withParents(place) : [place];
}

/** Whether writing to one place changes the other: they are the same, or one contains the other. */
export function overlap(one: readonly Place[], other: readonly Place[]): boolean {
  const [first, second] = [one[0], other[0]];
  return (
    (first !== undefined && other.some((place) => isSame(place, first))) ||
    (second !== undefined && one.some((place) => isSame(place, second)))
  );
}

/** Whether two places are the same. */
export function isSame(one: Place | undefined, other: Place | undefined): boolean {
  return one !== undefined && one.device === other?.device && mayBeSameFile(one, other);
}

/**
 * Whether two places on one filesystem may be the same file. An unknown time of birth counts as equal: earlier versions
 * did not note it, and a half-restored file must not be backed up.
 */
export function mayBeSameFile(one: Place, other: Place): boolean {
  const isUnknown = one.birth === undefined || other.birth === undefined;
  return one.inode === other.inode && (isUnknown || one.birth === other.birth);
}

/** Returns the path of a device in /dev/mapper. */
export async function mapperOf(place: Place | undefined): Promise<string | undefined> {
  if (!place || place.inode !== undefined) return undefined;
  const name = await read(join(DEVICES, place.device, 'dm/name'));
  return name === undefined ? undefined : `/dev/mapper/${name}`;
}

/** Returns the id of the current boot; undefined if the kernel has none. */
export function currentBoot(): Promise<string | undefined> {
  return read(BOOT);
}

function placeOf(facts: BigIntStats): Place {
  if (facts.isBlockDevice()) return { device: formatDevice(facts.rdev) };
  const birth = facts.birthtimeNs > 0n ? { birth: String(facts.birthtimeNs) } : {};
  return { device: formatDevice(facts.dev), inode: String(facts.ino), ...birth };
}

/** Formats a device number, encoded as in makedev(3). */
function formatDevice(number: bigint): string {
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

async function withParents(device: Place): Promise<readonly Place[]> {
  const found: Place[] = [device];
  // The loop also visits places that it adds.
  for (const place of found) {
    if (place.inode !== undefined) continue;
    for (const parent of await parentsOf(place))
      if (!found.some((known) => isSame(known, parent))) found.push(parent);
  }
  return found;
}

async function parentsOf({ device }: Place): Promise<readonly Place[]> {
  const directory = await ifPresent(() => realpath(join(DEVICES, device)), UNREACHABLE);
  if (directory === undefined) return [];
  const isPartition = (await read(join(directory, 'partition'))) !== undefined;
  const slaves = (await ifPresent(() => readdir(join(directory, 'slaves')), UNREACHABLE)) ?? [];
  const files = [
    ...(isPartition ? [join(directory, '../dev')] : []),
    ...slaves.map((slave) => join(directory, 'slaves', slave, 'dev')),
  ];
  const numbers = (await Promise.all(files.map(read))).filter((number) => number !== undefined);
  const backing = await read(join(directory, 'loop/backing_file'));
  const file =
    backing === undefined ? undefined : await ifPresent(() => stat(backing, { bigint: true }), UNREACHABLE);
  return [...numbers.map((number) => ({ device: number })), ...(file ? [placeOf(file)] : [])];
}

async function read(path: string): Promise<string | undefined> {
  return (await ifPresent(() => readFile(path, 'utf8'), UNREACHABLE))?.replace(/\n$/, '');
}
