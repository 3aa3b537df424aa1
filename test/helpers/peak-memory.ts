import { expect } from 'vitest';
import { run } from './command.ts';
import { PROGRAM } from './repository.ts';

/** Has Node say, at its end, how much memory the process had at most, in KiB. */
const REPORTER = `data:text/javascript,process.on('exit', () =>
  process.stderr.write('peak ' + process.resourceUsage().maxRSS + '\\n'))`;

/** Runs a command on a repository, which must work, and returns the memory that it took at most, in KiB. */
export async function peakKib(directory: string, args: readonly string[]): Promise<number> {
  const command = ['--import', REPORTER, PROGRAM, '-b', directory, ...args];
  const { exitCode, stderr } = await run(process.execPath, command);
  expect(exitCode, stderr).toBe(0);
  return Number(/^peak (\d+)$/m.exec(stderr)?.[1]);
}
