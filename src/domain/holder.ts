/** A user of a file or block device. */
export interface Holder {
  /**
   * `loop`: a loop device uses it; `device`: another device is built on it, such as a volume group; `lock`: QEMU has
   * locked it; `unseen`: the kernel reports a user that is not visible.
   */
  readonly kind: 'process' | 'loop' | 'swap' | 'mount' | 'device' | 'lock' | 'unseen';
  /** The program, device or directory; empty if unknown. */
  readonly name: string;
  /** The process id, if visible. */
  readonly pid?: number;
  /** The user that the process runs as, by name or else by number. */
  readonly user?: string;
}

/** Number of holders that a message names. */
const NAMED_HOLDERS = 3;

/** Names the holders in one line: `qemu-system-x86_64 (process 4711 of libvirt-qemu) has it open`. */
export function describeHolders(holders: readonly Holder[]): string {
  if (holders.length === 0) return 'another program has locked it';
  const named = holders.slice(0, NAMED_HOLDERS).map(describe).join(', ');
  const others = holders.length - NAMED_HOLDERS;
  return others > 0 ? `${named}, and ${others} more` : named;
}

/** Advice for releasing the first holder, as a sentence without a full stop. */
export function adviceOnHolders([holder]: readonly Holder[]): string {
  switch (holder?.kind) {
    case 'process':
      return `Stop ${holder.name} (process ${holder.pid})`;
    case 'loop':
      return `Unmount what lies on ${holder.name} and detach it with "losetup -d ${holder.name}"`;
    case 'swap':
      return `Switch it off with "swapoff ${holder.name}"`;
    case 'mount':
      return holder.pid === undefined
        ? `Unmount ${holder.name}`
        : `Unmount ${holder.name} there, with "nsenter -t ${holder.pid} -m umount ${holder.name}"`;
    case 'device':
      return `Take it out of use in ${holder.name}`;
    case 'lock':
      return 'Stop the virtual machine';
    default:
      return 'Stop what uses it, perhaps in another container';
  }
}

/**
 * Names the process that holds a lock: `process 4711: node of root`.
 *
 * @param pid the id that the holder wrote into the lock file, used if no holder is visible
 */
export function describeLocker([holder]: readonly Holder[], pid: number | undefined): string {
  return holder
    ? `process ${holder.pid}: ${holder.name}${ofUser(holder.user)}`
    : `process ${pid ?? 'unknown'}`;
}

function ofUser(user: string | undefined): string {
  return user === undefined ? '' : ` of ${user}`;
}

function describe({ kind, name, pid, user }: Holder): string {
  switch (kind) {
    case 'process':
      return `${name} (process ${pid}${ofUser(user)}) has it open`;
    case 'loop':
      return `the loop device ${name} lies on it`;
    case 'swap':
      return 'the kernel swaps to it';
    case 'mount':
      return `it is mounted on ${name}${pid === undefined ? '' : ` in the namespace of process ${pid}`}`;
    case 'device':
      return `${name} is built on it`;
    case 'lock':
      return 'a virtual machine has locked it';
    case 'unseen':
      return 'somebody has it open who cannot be seen from here';
  }
}
