/**
 * Counting what the tests and checks did. The numbers come from the tools' own reports, never from exit codes
 * alone; a tool that fails without naming a failure still counts as one.
 *
 * @typedef {{ passed: number, failed: number, skipped: string[] }} Tally
 */

import { appendFileSync, readFileSync } from 'node:fs';

/** The tally of nothing. */
export const EMPTY = Object.freeze({ passed: 0, failed: 0, skipped: [] });

/** @returns {Tally} the sum of the given tallies */
export function sum(/** @type {Tally[]} */ ...tallies) {
  return {
    passed: tallies.reduce((total, { passed }) => total + passed, 0),
    failed: tallies.reduce((total, { failed }) => total + failed, 0),
    skipped: tallies.flatMap(({ skipped }) => skipped),
  };
}

/** @returns {Tally} one check: passed or failed */
export function single(/** @type {boolean} */ passed) {
  return { ...EMPTY, passed: passed ? 1 : 0, failed: passed ? 0 : 1 };
}

/** @returns {Tally} what `cargo test` printed, one "test result:" line per test binary */
export function cargoTally(/** @type {string} */ output, /** @type {boolean} */ succeeded) {
  const results = [...output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed;/gm)];
  const ignored = [...output.matchAll(/^test (.+) \.\.\. ignored/gm)];
  const tally = {
    passed: results.reduce((total, [, passed]) => total + Number(passed), 0),
    failed: results.reduce((total, [, , failed]) => total + Number(failed), 0),
    skipped: ignored.map(([, name]) => `cargo: ${name}`),
  };
  return admitFailure(tally, succeeded);
}

/** @returns {Tally} what vitest's JSON reporter wrote to `path` */
export function vitestTally(/** @type {string} */ path, /** @type {boolean} */ succeeded) {
  const report = readReport(path);
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  // A file that fails before its first test (an import error, say) has no failed test to count.
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const tally = {
    passed: tests.filter((test) => test.status === 'passed').length,
    failed: tests.filter((test) => test.status === 'failed').length + brokenFiles.length,
    skipped: tests.filter((test) => !['passed', 'failed'].includes(test.status)).map((test) => test.fullName),
  };
  return admitFailure(tally, succeeded && report.success);
}

/** Adds the tally to the file that the caller named in BACKY_TALLY, so that runs of several scripts can be added up. */
export function record(/** @type {Tally} */ tally) {
  if (process.env.BACKY_TALLY) appendFileSync(process.env.BACKY_TALLY, `${tally.passed} ${tally.failed}\n`);
}

/** @returns {string} the last line of every run */
export function summary(/** @type {Tally} */ tally) {
  return `${tally.passed} passed, ${tally.failed} failed`;
}

function admitFailure(tally, succeeded) {
  return succeeded || tally.failed > 0 ? tally : { ...tally, failed: 1 };
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { success: false, testResults: [] };
  }
}
