import { expect } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import type { Outcome } from './command.ts';

/** An error as a user is to meet it. */
export interface ExpectedFailure {
  readonly code: ErrorCode;
  /** The text that the one line must contain: the object and the reason. */
  readonly says: readonly string[];
}

/** The last line of standard error with --json. */
interface ExitError {
  readonly messageType: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** Commands that take the lock of writers, or a target device, for themselves. */
const ALONE = 'backup purge expire forget undelete tags hold release distrust restore'.split(' ');

/**
 * Runs a command that must fail, once for people and once for programs.
 *
 * @param backy runs a command line on the repository, or what stands in for one
 */
export async function expectFailure(
  backy: (...args: readonly string[]) => Promise<Outcome>,
  args: readonly string[],
  expected: ExpectedFailure,
): Promise<void> {
  const forPeople = (): Promise<Outcome> => backy(...args);
  const forPrograms = (): Promise<Outcome> => backy('--json', ...args);
  // Most commands may run side by side, which halves the time.
  const [plain, json] = args.some((arg) => ALONE.includes(arg))
    ? [await forPeople(), await forPrograms()]
    : await Promise.all([forPeople(), forPrograms()]);
  expectOneLine(plain, expected.says);
  expect(plain.stderr).toContain(expectExitError(json, expected));
}

/** Checks the outcome of a command that failed: one line for people, that says this. */
export function expectOneLine({ exitCode, stdout, stderr }: Outcome, says: readonly string[]): void {
  expect({ exitCode, stdout }, stderr).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toMatch(/^backy: .+[.?!]\n$/);
  for (const text of says) expect(stderr).toContain(text);
}

/** Checks the outcome of a command that failed with --json; returns what it says is to be done. */
export function expectExitError({ exitCode, stdout, stderr }: Outcome, { code }: ExpectedFailure): string {
  expect({ exitCode, stdout }, stderr).toEqual({ exitCode: 1, stdout: '' });
  const error: ExitError = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '');
  expect(error).toMatchObject({ messageType: 'exitError', code });
  expect(error.message).not.toBe('');
  expect(error.remedy).not.toBe('');
  return error.remedy;
}
