#!/usr/bin/env node
/**
 * `npm test`: builds everything, runs the demonstration and every test there is. The last line says how many passed and
 * failed. What shares nothing runs side by side: the tests of Rust, those in virtual machines, and all others.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { say, stream } from './lib/run.mjs';
import { cargoTally, EMPTY, record, single, sum, summary, vitestTally } from './lib/tally.mjs';

const inCi = process.env.CI === 'true';

const tally = await runAll();
for (const name of tally.skipped) say(`skipped: ${name}`);
record(tally);
say(summary(tally));
process.exitCode = tally.failed === 0 ? 0 : 1;

async function runAll() {
  const packages = await installPackages();
  const built = await build();
  // Tests of an old build would say nothing about this one.
  if (built.failed > 0) return sum(packages, built);
  // It builds again, under the feet of whatever ran beside it.
  const demonstration = await demo();
  const tests = [cargoTests(), vitestTests('guest', 'verbose'), vitestTests('unit,system', 'default')];
  return sum(packages, demonstration, ...(await Promise.all(tests)));
}

async function installPackages() {
  if (process.platform !== 'linux') return EMPTY;
  const { succeeded } = await stream('scripts/install-debian-packages.sh', []);
  return succeeded ? EMPTY : single(false);
}

async function build() {
  const { succeeded } = await stream('npm', ['run', 'build']);
  return succeeded ? EMPTY : single(false);
}

/** The first of the two commands of the README; this is the second. */
async function demo() {
  const { succeeded } = await stream('npm', ['run', 'demo']);
  say(`${succeeded ? 'ok' : 'not ok'}: demo`);
  return single(succeeded);
}

async function cargoTests() {
  const args = ['test', '--workspace', '--no-fail-fast', ...(inCi ? ['--locked'] : [])];
  const { succeeded, output } = await stream('cargo', args, { label: 'cargo' });
  return cargoTally(output, succeeded);
}

/** Runs some of the projects of vitest.config.ts. */
async function vitestTests(projects, reporter) {
  const scratch = mkdtempSync(join(tmpdir(), 'backy-vitest-'));
  const report = join(scratch, 'report.json');
  const chosen = projects.split(',').map((project) => `--project=${project}`);
  const reporters = [`--reporter=${reporter}`, '--reporter=json', `--outputFile.json=${report}`];
  try {
    const args = ['--no-install', 'vitest', 'run', ...chosen, ...reporters];
    const { succeeded } = await stream('npx', args, { label: projects });
    return vitestTally(report, succeeded);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
