import type { Failure } from '#native';
import type { BackyError } from '../errors.ts';
import { errorOf, type FailureFacts, STREAM } from './failure-errors.ts';

export type { FailureFacts };

/** Whether the addon returned a failure. */
export function isFailure(outcome: unknown): outcome is Failure {
  return typeof outcome === 'object' && outcome !== null && 'failed' in outcome && outcome.failed === true;
}

/** The result of a call, or its failure thrown as BackyError. */
export function unwrap<Result>(outcome: Result | Failure): Result {
  if (isFailure(outcome)) throw toBackyError(outcome);
  return outcome;
}

/** Rebuilds the error of the engine with the words of the one table of errors. */
export function toBackyError(
  failure: Failure,
  { work = 'work', aftermath = '', size = '' }: FailureFacts = {},
): BackyError {
  const { path = STREAM, offset = 0, message, detail = message, holders = [] } = failure;
  return errorOf({ failure, path, offset, detail, holders, work, aftermath, size });
}
