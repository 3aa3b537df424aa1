import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryMadeAt } from './layout.ts';

/** A temporary file lives for moments; the margin allows for a suspended machine. */
const LIFE_MS = 3_600_000;

/** Returns whether a file is one of our temporary files: the time in its name must match its modification time. */
export function isTemporary(directory: string, name: string): boolean {
  const madeAt = temporaryMadeAt(name);
  if (madeAt === undefined) return false;
  const stats = lstatSync(join(directory, name), { throwIfNoEntry: false });
  if (!stats || !(stats.isFile() || stats.isSymbolicLink())) return false;
  return Math.abs(stats.mtimeMs - madeAt) < LIFE_MS;
}
