import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'vitest';
import { searchPath } from './command.ts';

/** Something a machine may lack: the rights of root, loop devices, FUSE, such a processor, or a command. */
export type Need = 'root' | 'loop devices' | 'FUSE' | 'x86-64' | `command ${string}`;

/**
 * Describes tests that need something of the machine. Where it is missing there is one skipped test that says so;
 * in CI that is a failure, because a run that left tests out would be green for nothing.
 */
export function describeWith(needs: readonly Need[], name: string, body: () => void): void {
  const missing = needs.filter((need) => !isMet(need)).map((need) => need.replace('command ', ''));
  describe(name, missing.length === 0 ? body : () => missesOut(`needs ${missing.join(', ')}`));
}

function missesOut(reason: string): void {
  it.skipIf(!process.env.CI)(reason, () => {
    throw new Error(`${reason}: this machine does not have it`);
  });
}

function isMet(need: Need): boolean {
  switch (need) {
    case 'root':
      return process.geteuid?.() === 0;
    case 'loop devices':
      return existsSync('/dev/loop-control');
    case 'FUSE':
      return existsSync('/dev/fuse');
    case 'x86-64':
      return process.arch === 'x64';
    default:
      return isCommand(need.replace('command ', ''));
  }
}

function isCommand(name: string): boolean {
  return searchPath.split(delimiter).some((directory) => isExecutable(join(directory, name)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
