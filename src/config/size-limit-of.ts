import { DEFAULT_SIZE_LIMIT } from '../domain/size-limit.ts';
import { isBackyError } from '../errors.ts';
import { loadConfig } from './load-config.ts';

/** The size limit of a repository, in bytes; the default if its configuration is unreadable. */
export async function sizeLimitOf(path: string): Promise<number> {
  try {
    return (await loadConfig(path)).sizeLimit;
  } catch (error) {
    if (!isBackyError(error)) throw error;
    return DEFAULT_SIZE_LIMIT;
  }
}
