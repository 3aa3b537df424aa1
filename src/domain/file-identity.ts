/** What tells a file from every other one, whatever its name. Decimal numbers. */
export interface FileIdentity {
  /** Of its filesystem; some filesystems get another number with each mount. */
  readonly device: string;
  readonly inode: string;
  /** When it was created, in nanoseconds since 1970; absent where the filesystem does not keep that. */
  readonly birth?: string;
}

/**
 * Whether a file is the one that was noted. The number of the device does not count, because it changes when a
 * filesystem is mounted again; number and time of birth of a file never do.
 */
export function isSameFile(found: FileIdentity, noted: FileIdentity): boolean {
  return found.inode === noted.inode && (noted.birth === undefined || found.birth === noted.birth);
}
