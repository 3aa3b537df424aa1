import { type BackyError, backyError } from '../errors.ts';
import { cutOff } from './addon-file.ts';
import type { Engine } from './engine.ts';

/**
 * Loads the addon. Called when native work is at hand and not before, so that everything else works without it.
 *
 * @throws BACKY_NATIVE_MISSING naming the package for this platform, BACKY_NATIVE_UNUSABLE with the loader's reason
 */
export async function loadEngine(): Promise<Engine> {
  const reason = process.platform === 'linux' ? cutOff(linuxAddons()) : undefined;
  if (reason !== undefined) throw unusable(reason);
  try {
    const [addon, { createEngine }] = await Promise.all([import('#native'), import('./engine.ts')]);
    return createEngine(addon);
  } catch (cause) {
    throw loadFailure(cause);
  }
}

/** Advice for the reasons that a dynamic loader gives, on Linux (glibc, musl) and macOS. */
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
  'It is damaged, or made for another machine: remove node_modules and run "npm install" on this machine';

/** Tells an addon that is absent (BACKY_NATIVE_MISSING) from one that is there and does not load (BACKY_NATIVE_UNUSABLE). */
export function loadFailure(cause: unknown): BackyError {
  const reason = loaderReason(cause);
  return reason === undefined
    ? backyError('BACKY_NATIVE_MISSING', { package: bindingPackage() }, { cause })
    : unusable(reason, cause);
}

function unusable(reason: string, cause?: unknown): BackyError {
  const [, advice = REINSTALL] = ADVICE.find(([pattern]) => pattern.test(reason)) ?? [];
  return backyError('BACKY_NATIVE_UNUSABLE', { package: bindingPackage(), reason, advice }, { cause });
}

/** The generated loader tries several files, and chains what went wrong with each as causes. */
function loaderReason(failure: unknown): string | undefined {
  for (let error = failure; error instanceof Error; error = error.cause) {
    if (!/^(Cannot find|Unsupported) /.test(error.message)) return error.message.replaceAll(/\s*\n\s*/g, ' ');
  }
  return undefined;
}

/** Names that the generated loader may try. Which C library this is takes a while to find out. */
function linuxAddons(): readonly string[] {
  return ['gnu', 'musl'].flatMap((libc) => {
    const platform = `linux-${process.arch}-${libc}`;
    return [`./backy.${platform}.node`, `@backy/binding-${platform}`];
  });
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
