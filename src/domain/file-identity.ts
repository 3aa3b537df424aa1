/** The identity of a file, independent of its name. All values are decimal numbers. */
export interface FileIdentity {
  /** The number of its filesystem; some filesystems get a new one at each mount. */
  readonly device: string;
  readonly inode: string;
  /** Time of creation in nanoseconds since 1970; absent if the filesystem does not record it. */
  readonly birth?: string;
}

/**
 * Whether a file is the one that was noted. Ignores the device number, which can change at each mount. The inode number
 * and the time of creation never change.
 */
export function isSameFile(found: FileIdentity, noted: FileIdentity): boolean {
  return found.inode === noted.inode && (noted.birth === undefined || found.birth === noted.birth);
}
