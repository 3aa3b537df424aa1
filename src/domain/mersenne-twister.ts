/**
 * The generator MT19937 of M. Matsumoto and T. Nishimura (1998), seeded and read as Python's `random.Random` does.
 * https://www.math.sci.hiroshima-u.ac.jp/m-mat/MT/MT2002/CODES/mt19937ar.c
 */

const SIZE = 624;
const SHIFT = 397;
const UPPER = 0x80000000;
const LOWER = 0x7fffffff;

/**
 * Returns what Python's `random.Random(seed).randint(0, most)` returns first.
 *
 * @param seed the number in words of 32 bits, the lowest first
 * @param most a whole number below 2^32
 */
export function randomUpTo(most: number, seed: readonly number[]): number {
  const next = createGenerator(seed);
  const count = most + 1;
  const bits = count.toString(2).length;
  for (;;) {
    const value = bits > 32 ? next() : next() >>> (32 - bits);
    if (value < count) return value;
  }
}

function createGenerator(seed: readonly number[]): () => number {
  const state = seededState(seed);
  let index = SIZE;
  return () => {
    if (index === SIZE) {
      advance(state);
      index = 0;
    }
    let word = at(state, index);
    index += 1;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> 0;
  };
}

/** The state after `init_by_array` of the reference code. */
function seededState(seed: readonly number[]): Uint32Array {
  const state = new Uint32Array(SIZE);
  state[0] = 19650218;
  for (let index = 1; index < SIZE; index += 1)
    state[index] = Math.imul(1812433253, mixed(state, index)) + index;
  let index = 1;
  const step = (): void => {
    index += 1;
    if (index < SIZE) return;
    state[0] = at(state, SIZE - 1);
    index = 1;
  };
  for (let round = 0; round < Math.max(SIZE, seed.length); round += 1) {
    const key = round % seed.length;
    state[index] = (at(state, index) ^ Math.imul(mixed(state, index), 1664525)) + (seed[key] ?? 0) + key;
    step();
  }
  for (let round = 1; round < SIZE; round += 1) {
    state[index] = (at(state, index) ^ Math.imul(mixed(state, index), 1566083941)) - index;
    step();
  }
  state[0] = UPPER;
  return state;
}

function mixed(state: Uint32Array, index: number): number {
  const before = at(state, index - 1);
  return before ^ (before >>> 30);
}

function advance(state: Uint32Array): void {
  for (let index = 0; index < SIZE; index += 1) {
    const word = (at(state, index) & UPPER) | (at(state, (index + 1) % SIZE) & LOWER);
    const twist = word & 1 ? 0x9908b0df : 0;
    state[index] = at(state, (index + SHIFT) % SIZE) ^ (word >>> 1) ^ twist;
  }
}

function at(state: Uint32Array, index: number): number {
  return state[index] ?? 0;
}
