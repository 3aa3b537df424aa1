#!/usr/bin/env node
/**
 * `npm run torture -- [PART]... [--points N] [--seed S] [--only NAME]` runs the long form of each part and prints a table
 * of counts. Without a part it runs all of them, which takes hours. docs/reference/reliability.md explains the parts.
 */

import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, say, stream } from '../../scripts/lib/run.mjs';

/** The default number of points of each part. docs/reference/reliability.md defines a point of each. */
const PARTS = {
  kills: 1000,
  'random-kills': 2000,
  'power-cuts': 2000,
  mutants: 80,
  concurrency: 50,
  time: 20,
  'io-errors': 2000,
  'bit-rot': 8_388_608,
  'full-disk': 500,
  hostile: 100_000,
};
const GIB = 2 ** 30;
const NO_LIMIT_MS = 12 * 3_600_000;

const { values, positionals } = readArguments();
const parts = positionals.length > 0 ? positionals : Object.keys(PARTS);
let failed = 0;
for (const part of parts) failed += (await runPart(part)) ? 0 : 1;
process.exitCode = failed === 0 ? 0 : 1;

function readArguments() {
  try {
    const text = { type: /** @type {const} */ ('string') };
    const parsed = parseArgs({ allowPositionals: true, options: { points: text, seed: text, only: text } });
    const unknown = parsed.positionals.find((part) => !(part in PARTS));
    if (unknown !== undefined)
      throw new Error(`there is no part "${unknown}", but ${Object.keys(PARTS).join(', ')}`);
    for (const name of /** @type {const} */ (['points', 'seed']))
      if (!/^\d+$/.test(parsed.values[name] ?? '1')) throw new Error(`--${name} takes a number`);
    return parsed;
  } catch (error) {
    return fail(`torture: ${error instanceof Error ? error.message : error}`);
  }
}

/** @returns {Promise<boolean>} whether there was no violation */
async function runPart(/** @type {string} */ part) {
  const scratch = mkdtempSync(join(tmpdir(), 'backy-torture-'));
  const rows = join(scratch, 'rows');
  const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 32));
  say(`\n${part}, seed ${seed}`);
  Object.assign(process.env, {
    BACKY_TORTURE_POINTS: values.points ?? String(PARTS[part]),
    BACKY_TORTURE_REPORT: rows,
    BACKY_TORTURE_ONLY: values.only ?? '',
    BACKY_TEST_SEED: seed,
    TMPDIR: roomyPlace(),
  });
  try {
    const files = [`test/torture/${part}.test.ts`, `test/torture/${part}/`];
    const command = ['--no-install', 'vitest', 'run', ...files];
    const { succeeded } = await stream('npx', command, { silenceLimitMs: NO_LIMIT_MS });
    for (const [name, group] of readRows(rows)) for (const line of [`\n${name}`, ...table(group)]) say(line);
    return succeeded;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Prefers memory if it has room: these tests are about the order of changes and need not wear a disk. */
function roomyPlace() {
  const fallback = process.env.TMPDIR ?? '/var/tmp';
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize > 4 * GIB ? '/dev/shm' : fallback;
  } catch {
    return fallback;
  }
}

/** @returns {Map<string, Record<string, string | number>[]>} the rows of each part */
function readRows(/** @type {string} */ path) {
  const groups = new Map();
  try {
    for (const line of readFileSync(path, 'utf8').trim().split('\n')) {
      const { part, row } = JSON.parse(line);
      groups.set(part, [...(groups.get(part) ?? []), row]);
    }
  } catch {
    say('(nothing was counted)');
  }
  return groups;
}

/** Aligns the columns and adds a row with the sum of each column of numbers. */
function table(/** @type {readonly Record<string, string | number>[]} */ rows) {
  const [first] = rows;
  if (!first) return [];
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const sum = (/** @type {string} */ column) =>
    rows.reduce((total, row) => total + (typeof row[column] === 'number' ? row[column] : 0), 0);
  const isCount = (/** @type {string} */ column) => rows.some((row) => typeof row[column] === 'number');
  const total = Object.fromEntries(columns.map((column) => [column, isCount(column) ? sum(column) : '']));
  const lines = [Object.fromEntries(columns.map((column) => [column, column])), ...rows, total];
  const widths = columns.map((column) => Math.max(...lines.map((line) => String(line[column] ?? '').length)));
  return lines.map((line) =>
    columns
      .map((column, index) => String(line[column] ?? '').padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
