/** Random numbers and bytes that are the same in every run: the key stream of a cipher. */
import { createCipheriv } from 'node:crypto';

/**
 * @param {string} seed at most 16 characters
 * @returns {{ bytes: (length: number) => Buffer, below: (limit: number) => number, pick: <T>(list: readonly T[]) => T }}
 */
export function randomStream(seed) {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed.padEnd(16)), Buffer.alloc(16));
  const bytes = (length) => stream.update(Buffer.alloc(length));
  const below = (limit) => bytes(6).readUIntLE(0, 6) % limit;
  const pick = (list) => list[below(list.length)];
  return { bytes, below, pick };
}
