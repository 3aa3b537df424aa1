import { DEFAULT_GRACE_MS } from '../../config/config.ts';
import { isBackyError } from '../../errors.ts';
import type { PlainContext } from '../context.ts';

/**
 * Returns the milliseconds for which removed revisions can be brought back. A broken configuration yields the default,
 * because it must block neither removal nor status.
 */
export async function graceOf({ layout }: PlainContext): Promise<number> {
  try {
    // Loaded late, because this brings the YAML parser along and the trash is usually empty.
    const { loadConfig } = await import('../../config/load-config.ts');
    return (await loadConfig(layout.config)).graceMs;
  } catch (error) {
    if (isBackyError(error, 'BACKY_CONFIG_INVALID')) return DEFAULT_GRACE_MS;
    throw error;
  }
}
