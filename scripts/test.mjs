#!/usr/bin/env node
/**
 * `npm test`: builds everything and runs every test there is. The last line says how many passed and failed.
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
  return sum(packages, await cargoTests(), await vitestTests());
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

async function cargoTests() {
  const frozen = inCi ? ['--locked'] : [];
  const { succeeded, output } = await stream('cargo', ['test', '--workspace', '--no-fail-fast', ...frozen]);
  return cargoTally(output, succeeded);
}

async function vitestTests() {
  const scratch = mkdtempSync(join(tmpdir(), 'backy-vitest-'));
  const report = join(scratch, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  try {
    const { succeeded } = await stream('npx', ['--no-install', 'vitest', 'run', ...reporters]);
    return vitestTally(report, succeeded);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
