/** Backy as its users run it: the command line, one repository, one source. */
import {
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.mjs';

const BACKY = [process.execPath, fileURLToPath(new URL('../bin/backy.js', import.meta.url))];

/** The command that runs backy with these arguments. */
export function backy(...args) {
  return [...BACKY, ...args];
}

/** The command that takes a backup. */
export function backupCommand(repository) {
  return backy('-b', repository, 'backup', 'manual:bench');
}

/** Creates the repository for a source file as `init` configures it, removing one that is there. */
export async function freshRepository(repository, source) {
  rmSync(repository, { recursive: true, force: true });
  await run(['mkdir', repository]);
  await run(backy('-b', repository, 'init', 'file', source));
}

/** The same, but the source is read live, and so in full: what it costs where nothing tells of changes. */
export async function freshLiveRepository(repository, source) {
  await freshRepository(repository, source);
  configure(repository, 'snapshot: off');
}

/** Adds a line about the source to the configuration. */
export function configure(repository, line) {
  const path = join(repository, 'config');
  writeFileSync(path, readFileSync(path, 'utf8').replace('  type: file\n', `$&  ${line}\n`));
}

/** Takes a backup that is of no interest, and makes sure that it is right. */
export async function backUp(repository, source) {
  await run(backupCommand(repository));
  await requireEqual(source, newestImage(repository));
}

/** The image of the newest revision. */
export function newestImage(repository) {
  return realpathSync(join(repository, 'last'));
}

/** The images of all revisions, oldest first. */
export function imagesOf(repository) {
  const records = readdirSync(repository).filter((name) => name.endsWith('.rev') && name !== 'last.rev');
  return records.sort().map((name) => join(repository, name.slice(0, -'.rev'.length)));
}

/** Bytes the newest revision says it has written. */
export function newestBytesWritten(repository) {
  return JSON.parse(readFileSync(join(repository, 'last.rev'), 'utf8')).stats.bytesWritten;
}

/** Throws unless two files are the same: the cost of wrong bytes is of no interest. */
export async function requireEqual(one, other) {
  await run(['cmp', one, other]);
}

/**
 * Runs `work` and takes the repository back to what it was: new revisions are removed, links point where they did.
 * @template T
 * @param {string} repository
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function andBack(repository, work) {
  const before = entries(repository);
  const result = await work();
  for (const [name, target] of entries(repository)) {
    if (before.has(name) && before.get(name) === target) continue;
    rmSync(join(repository, name));
    const former = before.get(name);
    if (former) symlinkSync(former, join(repository, name));
  }
  return result;
}

/** Names in a directory, with the targets of symbolic links. */
function entries(directory) {
  return new Map(
    readdirSync(directory, { withFileTypes: true }).map((entry) => [
      entry.name,
      entry.isSymbolicLink() ? readlinkSync(join(directory, entry.name)) : undefined,
    ]),
  );
}
