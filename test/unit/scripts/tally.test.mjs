import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cargoTally, EMPTY, single, sum, summary, vitestTally } from '../../../scripts/lib/tally.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'backy-tally-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('cargoTally', () => {
  const output = `
running 3 tests
test extent::tests::coalesces ... ok
test device::tests::sizes ... ignored, needs root
test extent::tests::subtracts ... FAILED
test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
   Doc-tests backy_core
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.21s
`;

  it('adds up every test binary and names what was ignored', () => {
    expect(cargoTally(output, false)).toEqual({
      passed: 5,
      failed: 1,
      skipped: ['cargo: device::tests::sizes'],
    });
  });

  it('counts a run that failed without a result, such as one that did not compile', () => {
    expect(cargoTally('error[E0308]: mismatched types', false)).toEqual({ ...EMPTY, failed: 1 });
  });
});

describe('vitestTally', () => {
  const passed = { status: 'passed', fullName: 'size formats' };
  const failed = { status: 'failed', fullName: 'size parses' };
  const skipped = { status: 'skipped', fullName: 'mounts' };

  it('counts passed and failed tests and names the skipped', () => {
    const path = report(false, [{ status: 'failed', assertionResults: [passed, failed, skipped] }]);

    expect(vitestTally(path, false)).toEqual({ passed: 1, failed: 1, skipped: ['mounts'] });
  });

  it('counts a file that broke before its first test', () => {
    const path = report(false, [
      { status: 'passed', assertionResults: [passed] },
      { status: 'failed', assertionResults: [] },
    ]);

    expect(vitestTally(path, false)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts an error outside all tests', () => {
    const path = report(false, [{ status: 'passed', assertionResults: [passed] }]);

    expect(vitestTally(path, false)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts a run that wrote no report', () => {
    expect(vitestTally(join(scratch, 'none.json'), false)).toMatchObject({ passed: 0, failed: 1 });
  });

  function report(success, testResults) {
    const path = join(scratch, 'report.json');
    writeFileSync(path, JSON.stringify({ success, testResults }));
    return path;
  }
});

describe('summary', () => {
  it('is the line that others add up', () => {
    expect(summary(sum(single(true), single(true), single(false)))).toBe('2 passed, 1 failed');
  });
});
