import { backyError } from '../errors.ts';
import { bindingPackage } from './binding-package.ts';
import { createEngine, type Engine } from './engine.ts';

/**
 * Loads the addon. Called when native work is at hand and not before, so that everything else works without it.
 *
 * @throws BACKY_NATIVE_MISSING naming the package for this platform
 */
export async function loadEngine(): Promise<Engine> {
  try {
    return createEngine(await import('#native'));
  } catch (cause) {
    throw backyError('BACKY_NATIVE_MISSING', { package: bindingPackage() }, { cause });
  }
}
