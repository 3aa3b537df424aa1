import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSize, parseSize } from '../../../src/domain/size.ts';

const FACTORS = new Map(
  ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'].map((unit, power) => [unit, 1024 ** power]),
);

describe('formatSize', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [25_522_340, '24.34 MiB'],
    [21_474_836_480, '20.00 GiB'],
    [1_048_571, '1.00 MiB'],
    [1024 ** 6, '1.00 EiB'],
    [Number.MAX_SAFE_INTEGER, '8.00 PiB'],
  ])('formats %d', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });

  it('is never off by more than it rounds, and never needs a fifth digit', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        const [digits = '', unit = ''] = formatSize(bytes).split(' ');
        const factor = FACTORS.get(unit) ?? Number.NaN;
        expect(Math.abs(Number(digits) * factor - bytes)).toBeLessThanOrEqual(factor * 0.0051);
        expect(Number(digits)).toBeLessThan(1024);
      }),
    );
  });
});

describe('parseSize', () => {
  it.each([
    ['50MiB', 50 * 1024 ** 2],
    ['50M', 50 * 1024 ** 2],
    ['1.5 GiB', 1.5 * 1024 ** 3],
    ['512KiB', 512 * 1024],
    ['1B', 1],
    ['7PiB', 7 * 1024 ** 5],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    '',
    '50',
    '0MiB',
    '0.1B',
    '-5MiB',
    '+5MiB',
    '5MB',
    '5mib',
    '5  MiB',
    ' 5MiB',
    '5MiB/s',
    'MiB',
    '.5MiB',
    '1e3MiB',
    '0x10M',
    '8PiB',
    '9'.repeat(400).concat('B'),
    'NaNB',
  ])('takes "%s" for no size', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  it('reads what formatSize writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1024 ** 5 }), (bytes) => {
        expect(Math.abs((parseSize(formatSize(bytes)) ?? 0) - bytes)).toBeLessThanOrEqual(bytes * 0.0051 + 1);
      }),
    );
  });
});
