import { statfs } from 'node:fs/promises';
import { fromNodeError } from '../io-error.ts';
import type { Layout } from './layout.ts';

/** Below this share of the filesystem, what was removed is not kept for second thoughts. */
const SHORT_SHARE = 0.05;

/** Whether the filesystem of the repository is nearly full. @throws BACKY_IO */
export async function isShortOfSpace({ directory }: Layout): Promise<boolean> {
  try {
    const { bavail, blocks } = await statfs(directory);
    return bavail < blocks * SHORT_SHARE;
  } catch (error) {
    throw fromNodeError(error);
  }
}
