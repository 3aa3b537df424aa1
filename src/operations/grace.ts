import { DEFAULT_GRACE_MS } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { isBackyError } from '../errors.ts';
import type { Context } from './context.ts';

/**
 * For how long removed revisions can be brought back, in milliseconds. A broken configuration is no reason to keep
 * what should go, nor to hide what is there.
 */
export async function graceOf({ layout }: Context): Promise<number> {
  try {
    return (await loadConfig(layout.config)).graceMs;
  } catch (error) {
    if (isBackyError(error, 'BACKY_CONFIG_INVALID')) return DEFAULT_GRACE_MS;
    throw error;
  }
}
