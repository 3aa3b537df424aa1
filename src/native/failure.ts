import type { Failure } from '#native';
import type { BackyError } from '../errors.ts';
import { errorOf, type FailureFacts, STREAM } from './failure-errors.ts';

export type { FailureFacts };

/** Whether the addon returned a failure. */
export function isFailure(outcome: unknown): outcome is Failure {
  return typeof outcome === 'object' && outcome !== null && 'failed' in outcome && outcome.failed === true;
}

/** Returns the result of a call. @throws BackyError if the call failed */
export function unwrap<Result>(outcome: Result | Failure): Result {
  if (isFailure(outcome)) throw toBackyError(outcome);
  return outcome;
}

/** Turns a failure of the engine into an error of the table in errors.ts. */
export function toBackyError(
  failure: Failure,
  { work = 'work', aftermath = '', size = '' }: FailureFacts = {},
): BackyError {
  const { path = STREAM, offset = 0, message, detail = message, holders = [] } = failure;
  return errorOf({ failure, path, offset, detail, holders, work, aftermath, size });
}
