import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

/** The standard streams that are terminals when backy starts. `isatty` denies it once a terminal has hung up. */
const terminals: ReadonlySet<number> = new Set([0, 1, 2].filter((fd) => isatty(fd)));

/** Whether a standard stream was a terminal when backy started, even if it has hung up since. */
export function wasTerminal(fd: number): boolean {
  return terminals.has(fd);
}

/**
 * Lets the process exit normally after its terminal has hung up. Node 20 resets each terminal that it started with, and
 * aborts if that fails. It ignores other files, so the null device replaces a lost terminal.
 */
export function outliveTerminal(): void {
  if (terminals.size === 0) return;
  process.on('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) replaceByNull(fd);
  });
}

/** Opens the null device under the same number: a new descriptor gets the lowest free one. */
function replaceByNull(fd: number): void {
  closeSync(fd);
  openSync('/dev/null', 'r+');
}
