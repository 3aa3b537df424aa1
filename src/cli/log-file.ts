import { appendFileSync, existsSync } from 'node:fs';
import { isNodeError } from '../io-error.ts';
import type { LogLevel } from '../operations/context.ts';
import { appendToPlainFile } from '../plain-file.ts';
import { escapeText } from './ui/escape.ts';

/** Appends one line to a log; returns why it could not. */
export type LogWriter = (level: LogLevel, message: string, now: Date) => string | undefined;

const PRIVATE_FILE = 0o600;

/**
 * Writes the log of a repository, or the file that was asked for instead. In a directory that is no repository
 * nothing is written: a mistyped -b must not leave files behind.
 */
export function createLogWriter(
  layout: { readonly log: string; readonly config: string },
  file?: string,
): LogWriter {
  return (level, message, now) => {
    if (file === undefined && !existsSync(layout.config)) return undefined;
    const path = file ?? layout.log;
    const line = `${now.toISOString()} ${level.padEnd(7)} ${escapeText(message)}\n`;
    try {
      if (file === undefined) appendToPlainFile(path, line);
      else appendFileSync(path, line, { mode: PRIVATE_FILE });
      return undefined;
    } catch (error) {
      // That a read-only repository has no log goes without saying; a file that was asked for does not.
      if (file === undefined && isNodeError(error, 'EROFS')) return undefined;
      return `the log ${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
}
