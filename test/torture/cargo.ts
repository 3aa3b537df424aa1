import { fileURLToPath } from 'node:url';
import { mustRun } from './tests.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs tests of the engine, which must pass. @returns the lines that they print */
export async function cargoTest(
  which: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const args = ['test', '--quiet', '-p', 'backy-core', ...which, '--', '--nocapture'];
  const printed = await mustRun('sh', ['-c', 'exec cargo "$@" 2>&1', 'cargo', ...args], { cwd: ROOT, env });
  return printed.split('\n');
}
