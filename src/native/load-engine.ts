import { type BackyError, backyError } from '../errors.ts';
import type { Engine } from './engine.ts';
import { loadAddon, OtherVersion, platformName } from './load-addon.ts';

/**
 * Loads the addon. Callers load it only for native work, so that everything else works without it.
 *
 * @throws BACKY_NATIVE_MISSING naming the package for this platform, BACKY_NATIVE_UNUSABLE with the loader's reason
 */
export async function loadEngine(): Promise<Engine> {
  const { createEngine } = await import('./create-engine.ts');
  return createEngine(load());
}

function load(): NonNullable<ReturnType<typeof loadAddon>> {
  try {
    const addon = loadAddon();
    if (addon) return addon;
  } catch (cause) {
    throw loadFailure(cause);
  }
  throw backyError('BACKY_NATIVE_MISSING', { package: bindingPackage() });
}

/** Advice for error messages of the dynamic loaders of Linux (glibc, musl) and macOS. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /failed to map segment|not permitted|permission denied/i,
    'Install backy on a filesystem that is not mounted noexec and that you may read',
  ],
  [
    /\bGLIBC|symbol not found|undefined symbol/i,
    'Use a system with a newer C library, or build the engine in a checkout with "npm run build"',
  ],
];
const REINSTALL =
  'It is damaged, or made for another machine: install the tarball of that package from the release of your backy again, or run "npm run build" in a checkout';
const SAME_RELEASE = 'Install both from the tarballs of one release, or run "npm run build" in a checkout';

/** The error for an installed addon that does not load, with advice. */
export function loadFailure(cause: unknown): BackyError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const reason = text.replaceAll(/\s*\n\s*/g, ' ');
  const [, known = REINSTALL] = ADVICE.find(([pattern]) => pattern.test(reason)) ?? [];
  const advice = cause instanceof OtherVersion ? SAME_RELEASE : known;
  return backyError('BACKY_NATIVE_UNUSABLE', { package: bindingPackage(), reason, advice }, { cause });
}

/** The name of the npm package that holds the engine for this platform, such as `@backy/binding-linux-x64-gnu`. */
function bindingPackage(): string {
  return `@backy/binding-${platformName()}`;
}
