import { chmodSync, cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Outcome, type Running, run, start } from './command.ts';
import type { LoopFilesystem } from './loop-filesystem.ts';
import type { Need } from './needs.ts';

/** An unprivileged user that no machine has; files of such users work like those of any other. */
export const USER_ID = 54_321;
export const GROUP_ID = 54_322;

/** The requirements for a second user. */
export const NEEDS_OF_SECOND_USER: readonly Need[] = ['root', 'command setpriv'];

/** Begins a command that runs as the second user, without any capability. */
export const AS_SECOND_USER: readonly [string, ...string[]] = [
  'setpriv',
  ...['--reuid', String(USER_ID), '--regid', String(GROUP_ID), '--clear-groups', '--no-new-privs', '--'],
];

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM_PARTS = ['bin', 'dist', 'native', 'package.json'];

/** The program at a place that every user may read; a checkout may lie in the home directory of root. */
export interface SharedProgram {
  /** Runs a command as root. */
  asRoot(directory: string, ...args: readonly string[]): Promise<Outcome>;
  /** Runs a command as the second user, without any capability. */
  asUser(directory: string, ...args: readonly string[]): Promise<Outcome>;
}

/** Starts a command as the second user, without any capability. */
export function startAsUser(...command: readonly string[]): Running {
  return start('env', [...AS_SECOND_USER, ...command]);
}

/** Lets every user into a filesystem of a test, though not into its scratch directories. */
export function letOthersInto({ directory }: Pick<LoopFilesystem, 'directory'>): void {
  for (const each of [dirname(directory), directory]) chmodSync(each, 0o755);
}

/** An empty directory in it that every user may look into. */
export function scratchForOthers(filesystem: Pick<LoopFilesystem, 'scratch'>): string {
  const directory = filesystem.scratch();
  chmodSync(directory, 0o755);
  return directory;
}

/** Copies the built program, and what it needs, into a directory. */
export function shareProgram(home: string): SharedProgram {
  for (const part of PROGRAM_PARTS) cpSync(join(CHECKOUT, part), join(home, part), { recursive: true });
  for (const path of runtimePackages()) {
    mkdirSync(join(home, path), { recursive: true });
    cpSync(join(CHECKOUT, path), join(home, path), { recursive: true });
  }
  chmodSync(home, 0o755);
  const command = (directory: string, args: readonly string[]): readonly string[] => [
    process.execPath,
    join(home, 'bin/backy.js'),
    '-b',
    directory,
    ...args,
  ];
  return {
    asRoot: (directory, ...args) => run('env', command(directory, args)),
    asUser: (directory, ...args) => startAsUser(...command(directory, args)).outcome,
  };
}

/** Directories of the packages that the program itself uses. */
function runtimePackages(): readonly string[] {
  const lock: { packages: Record<string, { dev?: boolean }> } = JSON.parse(
    readFileSync(join(CHECKOUT, 'package-lock.json'), 'utf8'),
  );
  return Object.entries(lock.packages)
    .filter(([path, facts]) => path.startsWith('node_modules/') && !facts.dev && !path.includes('@backy/'))
    .map(([path]) => path);
}
