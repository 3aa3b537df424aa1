import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { randomUpTo } from '../../../src/domain/mersenne-twister.ts';

/** The words of the MD5 of a text, as Python makes a number of its hexadecimal digits: the lowest first. */
function words(text: string): readonly number[] {
  const digest = createHash('md5').update(text).digest();
  return [12, 8, 4, 0].map((offset) => digest.readUInt32BE(offset));
}

// Printed by Python 3.11: random.Random(int(hashlib.md5(name).hexdigest(), 16)).randint(0, most)
it.each([
  ['test01', 2_592_000, 639_092],
  ['web1', 86_400, 69_811],
  ['web1', 31_622_400, 17_871_787],
  ['a', 86_400, 61_582],
  ['db-3', 31_622_400, 18_330_006],
])('gives %s of %i what Python gives it', (name, most, expected) => {
  expect(randomUpTo(most, words(name))).toBe(expected);
});
