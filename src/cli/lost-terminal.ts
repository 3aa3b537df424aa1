import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Standard streams that are terminals when backy starts: a terminal that has hung up is none any more. */
const terminals: ReadonlySet<number> = new Set([0, 1, 2].filter((fd) => isatty(fd)));

/** Tells whether a standard stream was a terminal when backy started, even if that is gone now. */
export function wasTerminal(fd: number): boolean {
  return terminals.has(fd);
}

/**
 * Lets the process end well after its terminal has gone away. Node 20 resets each terminal that it started with, and
 * aborts when one refuses. It leaves other files alone, so the null device takes the place of a lost terminal.
 */
export function outliveTerminal(): void {
  if (terminals.size === 0) return;
  process.on('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) replaceByNull(fd);
  });
}

/** A new descriptor gets the lowest number that is free. */
function replaceByNull(fd: number): void {
  closeSync(fd);
  openSync('/dev/null', 'r+');
}
