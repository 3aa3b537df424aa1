import { statfs } from 'node:fs/promises';
import { fromNodeError } from '../io-error.ts';
import type { Layout } from './layout.ts';

/** The trash is purged early when less than this share of the filesystem is free. */
const SHORT_SHARE = 0.05;

/** Returns whether the filesystem of the repository is nearly full. @throws BACKY_IO */
export async function isShortOfSpace({ directory }: Layout): Promise<boolean> {
  try {
    const { bavail, blocks } = await statfs(directory);
    return bavail < blocks * SHORT_SHARE;
  } catch (error) {
    throw fromNodeError(error);
  }
}
