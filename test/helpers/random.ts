/** The seed of all random choices of this run. Set BACKY_TEST_SEED to repeat another run. */
export const testSeed: number = Number(process.env.BACKY_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** Random numbers from 0 to 1 that a seed determines: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
