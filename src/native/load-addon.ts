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

/** The addon of a release that is not this one. */
export class OtherVersion extends Error {
  override readonly name: string = 'OtherVersion';
}

/**
 * Loads the addon that was installed or built along with this code, and no other: the environment has no say in it.
 *
 * @returns undefined when there is none
 * @throws OtherVersion; Error with the reason why it does not load
 */
export function loadAddon(): Addon | undefined {
  const path = findAddon();
  if (path === undefined) return undefined;
  const reason = process.platform === 'linux' ? whyCutOff(path) : undefined;
  if (reason !== undefined) throw new Error(reason);
  const addon: Addon = require(path);
  checkVersion(path, addon);
  return addon;
}

/** What the platform of this process is called, such as `linux-x64-gnu`. */
export function platformName(): string {
  const libc = process.platform === 'linux' ? [hasGlibc() ? 'gnu' : 'musl'] : [];
  return [process.platform, process.arch, ...libc].join('-');
}

/** In a checkout it lies in `native`, installed in a package of its own. */
function findAddon(): string | undefined {
  const [found, other] = possiblePlatforms().flatMap((platform) => {
    const built = fileURLToPath(new URL(`native/backy.${platform}.node`, ROOT));
    const path = existsSync(built) ? built : resolvePackage(`@backy/binding-${platform}`);
    return path === undefined ? [] : [{ platform, path }];
  });
  return other?.platform === platformName() ? other.path : found?.path;
}

/** Which C library this is takes a while to find out, and nearly always one addon is there. */
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

/** The two parts are built as one: a call that another release answers would be understood in another way. */
function checkVersion(path: string, addon: Partial<Addon>): void {
  const manifest: { readonly version: string } = JSON.parse(
    readFileSync(new URL('package.json', ROOT), 'utf8'),
  );
  const [version = 'unknown'] = addon.engineVersion?.().split(' ') ?? [];
  if (version === manifest.version) return;
  throw new OtherVersion(`${path} is of version ${version}, and backy of version ${manifest.version}`);
}

/**
 * Why an addon is not whole; undefined if it is. The loader maps such a file and dies by SIGBUS, so it must not be tried.
 * Only ELF files are looked at: the loader of macOS checks for itself.
 */
function whyCutOff(path: string): string | undefined {
  const sizes = elfSizes(path);
  if (!sizes || sizes.actual >= sizes.expected) return undefined;
  return `${path} has ${sizes.actual} of at least ${sizes.expected} bytes`;
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

/** Node says in its report which glibc it runs on; with musl there is none. */
function hasGlibc(): boolean {
  // Without this the report looks up the names of all network peers, which can take seconds.
  Reflect.set(process.report, 'excludeNetwork', true);
  const report: object = process.report.getReport();
  const header: unknown = 'header' in report ? report.header : undefined;
  return typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header;
}
