import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Bytes of the header of a 64-bit ELF file. */
const HEADER_SIZE = 64;
const ELF_MAGIC = 0x7f454c46;
const ELF_64_LITTLE_ENDIAN = 0x0201;

/**
 * Finds an addon that was cut off. The loader maps such a file and dies by SIGBUS, so it must not be tried. Only ELF
 * files are looked at: the loader of macOS checks for itself.
 *
 * @param names of the addon as `require` takes them, relative to the directory `native`; the first that is there counts
 * @returns why it cannot be loaded, or undefined
 */
export function cutOff(names: readonly string[]): string | undefined {
  for (const name of names) {
    const path = resolveAddon(name);
    if (path === undefined) continue;
    const sizes = elfSizes(path);
    if (!sizes || sizes.actual >= sizes.expected) return undefined;
    return `${path} has ${sizes.actual} of at least ${sizes.expected} bytes`;
  }
  return undefined;
}

function resolveAddon(name: string): string | undefined {
  try {
    return createRequire(new URL('../../native/index.js', import.meta.url)).resolve(name);
  } catch {
    return undefined;
  }
}

/** The table of sections is the last thing in a library (ELF-64 Object File Format, version 1.5, section 3). */
function elfSizes(path: string): { readonly actual: number; readonly expected: number } | undefined {
  const header = Buffer.alloc(HEADER_SIZE);
  try {
    const file = openSync(path, 'r');
    try {
      if (readSync(file, header, 0, HEADER_SIZE, 0) < HEADER_SIZE) return undefined;
      if (header.readUInt32BE(0) !== ELF_MAGIC || header.readUInt16BE(4) !== ELF_64_LITTLE_ENDIAN)
        return undefined;
      const sections = header.readUInt16LE(58) * header.readUInt16LE(60);
      return { actual: fstatSync(file).size, expected: Number(header.readBigUInt64LE(40)) + sections };
    } finally {
      closeSync(file);
    }
  } catch {
    // The loader says what is wrong with it.
    return undefined;
  }
}
