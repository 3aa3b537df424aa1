/**
 * Tries again what fails by chance: between finding a free loop device and taking it, another process may take it.
 */
export async function patiently<Result>(attempt: () => Promise<Result>, attempts = 20): Promise<Result> {
  try {
    return await attempt();
  } catch (error) {
    if (attempts <= 1) throw error;
    return patiently(attempt, attempts - 1);
  }
}
