import { appendFileSync } from 'node:fs';
import { seededRandom, testSeed } from './tests.ts';

/**
 * Returns the number of points of a part: `short` for every run of the tests; `npm run torture` asks for more by the
 * environment variable BACKY_TORTURE_POINTS.
 */
export function pointsOr(short: number): number {
  return Number(process.env.BACKY_TORTURE_POINTS ?? short);
}

/** Whether this is the long form. */
export const isLong: boolean = process.env.BACKY_TORTURE_POINTS !== undefined;

/** Whether something is asked for: everything, unless `--only` names a part of it. */
export function isWanted(name: string): boolean {
  return name.includes(process.env.BACKY_TORTURE_ONLY ?? '');
}

/** Nothing here is ever stopped for being slow: only for hanging. */
export const PATIENCE_MS: number = (isLong ? 6 : 1) * 3_600_000;

/** Random numbers that the seed of the run determines, different ones for each `purpose`. */
export function randomFor(purpose: string): () => number {
  const hash = [...purpose].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), testSeed);
  return seededRandom(hash);
}

/** `count` of the numbers from 1 to `last`, evenly spread; all of them if there are no more. */
export function spread(last: number, count: number): readonly number[] {
  if (count >= last) return Array.from({ length: last }, (_, index) => index + 1);
  return Array.from({ length: count }, (_, index) => 1 + Math.floor(((index + 0.5) * last) / count));
}

/** One line of the table at the end: what was done how often, and what came of it. */
export type Row = Readonly<Record<string, string | number>>;

/** Adds a line to the table that `npm run torture` prints. */
export function report(part: string, row: Row): void {
  const file = process.env.BACKY_TORTURE_REPORT;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ part, row })}\n`);
}
