import { backyError } from '../errors.ts';
import type { Engine } from './engine.ts';

/**
 * Loads the addon. Called when native work is at hand and not before, so that everything else works without it.
 *
 * @throws BACKY_NATIVE_MISSING naming the package for this platform
 */
export async function loadEngine(): Promise<Engine> {
  try {
    const [addon, { createEngine }] = await Promise.all([import('#native'), import('./engine.ts')]);
    return createEngine(addon);
  } catch (cause) {
    throw backyError('BACKY_NATIVE_MISSING', { package: bindingPackage() }, { cause });
  }
}

/** The name of the npm package that holds the engine for this platform, such as `@backy/binding-linux-x64-gnu`. */
function bindingPackage(): string {
  const libc = process.platform === 'linux' ? [hasGlibc() ? 'gnu' : 'musl'] : [];
  return ['@backy/binding', process.platform, process.arch, ...libc].join('-');
}

/** Node says in its report which glibc it runs on; with musl there is none. */
function hasGlibc(): boolean {
  // Without this the report looks up the names of all network peers, which can take seconds.
  Reflect.set(process.report, 'excludeNetwork', true);
  const report: object = process.report.getReport();
  const header: unknown = 'header' in report ? report.header : undefined;
  return typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header;
}
