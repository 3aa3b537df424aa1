import { describe, expect, it } from 'vitest';
import {
  noteCutOff,
  noteRun,
  type Run,
  type RunNote,
  type RunOutcome,
} from '../../../src/domain/run-note.ts';

function run(outcome: RunOutcome, started = '2026-01-01T03:00:00.000Z'): Run {
  return { started, ended: null, outcome, slot: null, tags: ['daily'], code: null, message: null };
}

function noted(...runs: readonly Run[]): RunNote {
  return runs.reduce<RunNote | undefined>(noteRun, undefined) ?? expect.unreachable();
}

describe('noteRun', () => {
  it('counts the failures since a run took a revision', () => {
    const failed = run('failed', '2026-01-02T03:00:00.000Z');
    expect(noted(run('failed'), failed)).toEqual({ ...failed, failures: 2, lastFailure: failed });
    expect(noted(run('failed'), failed, run('cancelled'), run('nothing-due'))).toEqual({
      ...run('nothing-due'),
      failures: 2,
      lastFailure: failed,
    });
    expect(noted(run('failed'), failed, run('ok'))).toEqual({
      ...run('ok'),
      failures: 0,
      lastFailure: failed,
    });
  });
});

describe('noteCutOff', () => {
  it('takes a run that never ended for a failure', () => {
    const note = noteCutOff(noted(run('ok'), run('failed'), run('running')));
    expect(note).toMatchObject({
      outcome: 'failed',
      failures: 2,
      lastFailure: { outcome: 'failed', tags: ['daily'], message: expect.stringContaining('cut off') },
    });
    expect(note?.lastFailure).not.toHaveProperty('lastFailure');
  });

  it('leaves every other note as it is', () => {
    const note = noted(run('ok'));
    expect(noteCutOff(note)).toBe(note);
    expect(noteCutOff(undefined)).toBeUndefined();
  });
});
