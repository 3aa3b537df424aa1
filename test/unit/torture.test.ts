import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { crashStates } from '../torture/disk/crash-states.ts';
import type { Entry } from '../torture/disk/recording-disk.ts';

const TORTURE = resolve(import.meta.dirname, '../torture');

it('uses the helpers of other tests through one door', () => {
  const files = readdirSync(TORTURE, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  const doors = files.filter((path) => {
    const imports = readFileSync(join(TORTURE, path), 'utf8').matchAll(/from '(\.[^']+)'/g);
    return [...imports].some(([, target = '']) => {
      const fromTests = relative(dirname(TORTURE), resolve(TORTURE, dirname(path), target));
      return !fromTests.startsWith('..') && !fromTests.startsWith('torture/');
    });
  });
  expect(files.length).toBeGreaterThan(20);
  expect(doors).toEqual(['tests.ts']);
});

it.each([0, 0.5, 0.999])('cuts the power after every flush, whatever is random: %d', (chance) => {
  const home = mkdtempSync(join(tmpdir(), 'backy-crash-states-'));
  try {
    const base = join(home, 'base');
    writeFileSync(base, '');
    const entries: readonly Entry[] = Array.from({ length: 100 }, (_, index) =>
      index % 10 === 9 ? { kind: 'flush' } : { kind: 'write', offset: 0, bytes: Buffer.alloc(1) },
    );
    const disk = { base, scratch: join(home, 'scratch'), entries, first: 40 };
    const cuts = [...crashStates(disk, 20, () => chance)];
    expect(cuts.length).toBe(20);
    const prefixes = cuts.filter(({ kind }) => kind === 'prefix').map(({ after }) => after);
    expect(prefixes).toEqual(expect.arrayContaining([50, 60, 70, 80, 90, 100]));
  } finally {
    rmSync(home, { recursive: true });
  }
});
