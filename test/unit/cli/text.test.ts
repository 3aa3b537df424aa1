import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { causeLines, failureJson, failureLine, toReportable } from '../../../src/cli/failure.ts';
import { escapeText } from '../../../src/cli/ui/escape.ts';
import { createProgressMeter } from '../../../src/cli/ui/progress-meter.ts';
import { backyError } from '../../../src/errors.ts';

describe('escapeText', () => {
  it.each([
    ['disk "1" ä 日本 😀.img', 'disk "1" ä 日本 😀.img'],
    ['a\nb\tc\r', 'a\\nb\\tc\\r'],
    ['\u001b[2J\u0000\u007f', '\\u001b[2J\\u0000\\u007f'],
    ['\u009b31m', '\\u009b31m'],
    ['\u202egmi.ksid\u2066\u200f', '\\u202egmi.ksid\\u2066\\u200f'],
    ['\u2028\u2029\ufeff', '\\u2028\\u2029\\ufeff'],
  ])('prints %j safely', (text, escaped) => {
    expect(escapeText(text)).toBe(escaped);
  });

  it('leaves nothing that moves the cursor or turns text around (F15)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeText(text)).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u);
      }),
    );
  });
});

describe('a failure', () => {
  const error = backyError('BACKY_SOURCE_MISSING', { path: '/dev/\nvm' });

  it('is one line with a remedy', () => {
    expect(failureLine(error)).toBe(
      'backy: The source /dev/\\nvm does not exist. Attach it, or correct the source in the file config of the repository.',
    );
  });

  it('is one JSON object for programs', () => {
    expect(JSON.parse(failureJson(error))).toEqual({
      messageType: 'exitError',
      code: 'BACKY_SOURCE_MISSING',
      message: 'The source /dev/\nvm does not exist',
      remedy: error.remedy,
      details: { path: '/dev/\nvm' },
    });
    expect(failureJson(error)).not.toContain('\n');
  });

  it('has a cause in as many lines as it has, none of which steers the terminal', () => {
    const options = { cause: 'first \u001b[2J\nsecond \u202e' };
    expect(causeLines(backyError('BACKY_SOURCE_MISSING', { path: 'x' }, options))).toEqual([
      'first \\u001b[2J',
      'second \\u202e',
    ]);
    expect(causeLines(error)[0]).toContain('The source /dev/');
  });

  it('keeps other marks at the end of a sentence', () => {
    const usage = backyError('BACKY_USAGE', {
      problem: "Unknown command 'staus'",
      advice: 'Did you mean status?',
    });
    expect(failureLine(usage)).toBe("backy: Unknown command 'staus'. Did you mean status?");
  });

  it('that is unexpected is a defect, an error of the system is not', () => {
    expect(toReportable(new TypeError('x is undefined'))).toMatchObject({ code: 'BACKY_PANIC' });
    expect(toReportable('a string')).toMatchObject({
      code: 'BACKY_PANIC',
      message: expect.stringContaining('a string'),
    });
    const system = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write', path: '/x' });
    expect(toReportable(system)).toMatchObject({ code: 'BACKY_IO', details: { errno: 'ENOSPC' } });
    expect(toReportable(error)).toBe(error);
  });
});

describe('the progress line', () => {
  const GIB = 1 << 30;

  it('shows percent, amounts, rate, time left and what changed', () => {
    const meter = createProgressMeter(0);
    meter.line({ total: 4 * GIB, done: GIB, changed: 0 }, 1000);
    const line = meter.line({ total: 4 * GIB, done: 2 * GIB, changed: 1 << 20 }, 2000);
    expect(line).toBe(' 50%  2.00 GiB/4.00 GiB  1.00 GiB/s  ETA 0:02  changed 1.00 MiB');
  });

  it('knows nothing of the future at first', () => {
    const line = createProgressMeter(0).line({ total: 0, done: 0, changed: 0 }, 0);
    expect(line).toBe('  0%  0 B/0 B  0 B/s  ETA -:--  changed 0 B');
  });

  it('never shows nonsense', () => {
    const state = fc.record({ total: fc.maxSafeNat(), done: fc.maxSafeNat(), changed: fc.maxSafeNat() });
    fc.assert(
      fc.property(fc.array(fc.tuple(state, fc.nat(1000))), (steps) => {
        const meter = createProgressMeter(0);
        let nowMs = 0;
        for (const [progress, stepMs] of steps) {
          nowMs += stepMs;
          expect(meter.line(progress, nowMs)).toMatch(
            /^[ 1]?[ \d]?\d% {2}[\d.]+ \w+\/[\d.]+ \w+ {2}[\d.]+ \w+\/s {2}ETA [\d:-]+ {2}changed [\d.]+ \w+$/,
          );
        }
      }),
    );
  });
});
