import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryMadeAt } from './layout.ts';

/** They are written and renamed at once; a suspended machine makes that longer. */
const LIFE_MS = 3_600_000;

/** Whether a file is a temporary one of the engine: its name says when it was made, and the file agrees. */
export function isTemporary(directory: string, name: string): boolean {
  const madeAt = temporaryMadeAt(name);
  if (madeAt === undefined) return false;
  const stats = lstatSync(join(directory, name), { throwIfNoEntry: false });
  if (!stats || !(stats.isFile() || stats.isSymbolicLink())) return false;
  return Math.abs(stats.mtimeMs - madeAt) < LIFE_MS;
}
