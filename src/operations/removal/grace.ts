import { DEFAULT_GRACE_MS } from '../../config/config.ts';
import { isBackyError } from '../../errors.ts';
import type { Context } from '../context.ts';

/**
 * For how long removed revisions can be brought back, in milliseconds. A broken configuration is no reason to keep
 * what should go, nor to hide what is there.
 */
export async function graceOf({ layout }: Context): Promise<number> {
  try {
    // Only now, for it brings the YAML parser along, and there is seldom anything in the trash.
    const { loadConfig } = await import('../../config/load-config.ts');
    return (await loadConfig(layout.config)).graceMs;
  } catch (error) {
    if (isBackyError(error, 'BACKY_CONFIG_INVALID')) return DEFAULT_GRACE_MS;
    throw error;
  }
}
