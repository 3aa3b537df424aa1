import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Tries again what fails by chance: between finding a free loop device and taking it, another process may take it.
 *
 * @param pauseMs how long to wait before each further attempt
 */
export async function patiently<Result>(
  attempt: () => Promise<Result>,
  attempts = 20,
  pauseMs = 0,
): Promise<Result> {
  try {
    return await attempt();
  } catch (error) {
    if (attempts <= 1) throw error;
    await sleep(pauseMs);
    return patiently(attempt, attempts - 1, pauseMs);
  }
}
