import { type BackyError, backyError, isBackyError } from '../errors.ts';
import { fromNodeError } from '../io-error.ts';
import { escapeText } from './ui/escape.ts';

/** Turns anything that was thrown into an error to report. An error of an unknown kind is a defect of backy. */
export function toReportable(thrown: unknown): BackyError {
  const error = fromNodeError(thrown);
  if (isBackyError(error)) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return backyError('BACKY_PANIC', { detail }, { cause: error });
}

/** The one line that a person sees: what failed, on which object, and what to do. */
export function failureLine(error: BackyError): string {
  return escapeText(`backy: ${failureText(error)}`);
}

/** The error on one line, for the log. */
export function failureText({ message, remedy }: BackyError): string {
  return `${sentence(message)} ${sentence(remedy)}`;
}

/** The error as JSON, for programs. */
export function failureJson({ code, message, remedy, details }: BackyError): string {
  return JSON.stringify({ messageType: 'exitError', code, message, remedy, details });
}

/** The cause of an error, for debugging. */
export function causeLines({ cause, stack }: BackyError): readonly string[] {
  return String(cause ?? stack)
    .split('\n')
    .map(escapeText);
}

function sentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
