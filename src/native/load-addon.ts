import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Addon } from './engine.ts';

const ROOT = new URL('../../', import.meta.url);
const require = createRequire(import.meta.url);

/** Bytes of the header of a 64-bit ELF file. */
const HEADER_SIZE = 64;
const ELF_MAGIC = 0x7f454c46;
const ELF_64_LITTLE_ENDIAN = 0x0201;

/** The error for an addon of another release. */
export class OtherVersion extends Error {
  override readonly name: string = 'OtherVersion';
}

/**
 * Loads the addon that was installed or built along with this code. Ignores the environment, which could name another
 * file.
 *
 * @returns undefined if it is missing
 * @throws OtherVersion; Error with the reason that it does not load
 */
export function loadAddon(): Addon | undefined {
  const path = findAddon();
  if (path === undefined) return undefined;
  const reason = process.platform === 'linux' ? truncation(path) : undefined;
  if (reason !== undefined) throw new Error(reason);
  const addon: Addon = require(path);
  checkVersion(path, addon);
  return addon;
}

/** The name of this process's platform, such as `linux-x64-gnu`. */
export function platformName(): string {
  const libc = process.platform === 'linux' ? [hasGlibc() ? 'gnu' : 'musl'] : [];
  return [process.platform, process.arch, ...libc].join('-');
}

/** The path of the addon: in `native` in a checkout, otherwise in its own package. */
function findAddon(): string | undefined {
  const [found, other] = possiblePlatforms().flatMap((platform) => {
    const built = fileURLToPath(new URL(`native/backy.${platform}.node`, ROOT));
    const path = existsSync(built) ? built : resolvePackage(`@backy/binding-${platform}`);
    return path === undefined ? [] : [{ platform, path }];
  });
  return other?.platform === platformName() ? other.path : found?.path;
}

/** The platforms to look for. Detecting the C library is slow, and nearly always only one addon exists. */
function possiblePlatforms(): readonly string[] {
  const { platform, arch } = process;
  return platform === 'linux' ? [`linux-${arch}-gnu`, `linux-${arch}-musl`] : [`${platform}-${arch}`];
}

function resolvePackage(name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}

/** Refuses an addon of another release, whose calls may have another meaning. @throws OtherVersion */
function checkVersion(path: string, addon: Partial<Addon>): void {
  const manifest: { readonly version: string } = JSON.parse(
    readFileSync(new URL('package.json', ROOT), 'utf8'),
  );
  const [version = 'unknown'] = addon.engineVersion?.().split(' ') ?? [];
  if (version === manifest.version) return;
  throw new OtherVersion(`${path} is of version ${version}, and backy of version ${manifest.version}`);
}

/**
 * The reason to refuse a truncated addon; undefined if it is complete. Loading a truncated file would kill the process by
 * SIGBUS. This checks ELF files only; the loader of macOS has its own check.
 */
function truncation(path: string): string | undefined {
  const sizes = elfSizes(path);
  if (!sizes || sizes.actual >= sizes.expected) return undefined;
  return `${path} has ${sizes.actual} of at least ${sizes.expected} bytes`;
}

/** Actual and least expected size. The table of sections ends a library (ELF-64 Object File Format 1.5, section 3). */
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
    // The loader reports the problem.
    return undefined;
  }
}

/** Whether Node runs on glibc, according to its report. */
function hasGlibc(): boolean {
  // Otherwise the report resolves the names of all network peers, which can take seconds.
  Reflect.set(process.report, 'excludeNetwork', true);
  const report: object = process.report.getReport();
  const header: unknown = 'header' in report ? report.header : undefined;
  return typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header;
}
