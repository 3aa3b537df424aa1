import { existsSync } from 'node:fs';
import { isBackyError } from '../errors.ts';
import { isNodeError } from '../io-error.ts';
import type { Context, LogLevel } from '../operations/context.ts';
import { appendToPlainFile } from '../plain-file.ts';
import { escapeText } from './ui/escape.ts';

/** Appends one line to a log. Returns the reason if that fails. */
export type LogWriter = (level: LogLevel, message: string, now: Date) => string | undefined;

/** Appends a line to a file. */
type Append = (line: string) => void;

/**
 * Writes the log of a repository. Writes nothing in any other directory, so that a mistyped -b leaves no files behind.
 */
export function createLogWriter({
  log,
  config,
}: {
  readonly log: string;
  readonly config: string;
}): LogWriter {
  const write = writerOf(log, (line) => {
    try {
      appendToPlainFile(log, line);
    } catch (error) {
      // A read-only repository cannot have a log, so no warning is needed.
      if (!isNodeError(error, 'EROFS')) throw error;
    }
  });
  return (level, message, now) => (existsSync(config) ? write(level, message, now) : undefined);
}

/**
 * Writes to the file of `--log`. The engine opens it, because the directory may belong to another user. If the engine
 * cannot be loaded, each call returns the reason.
 */
export async function openNamedLog(path: string, loadEngine: Context['engine']): Promise<LogWriter> {
  return writerOf(path, await appendingTo(path, loadEngine));
}

async function appendingTo(path: string, loadEngine: Context['engine']): Promise<Append> {
  try {
    const engine = await loadEngine();
    return (line) => engine.appendLine(path, line);
  } catch (failure) {
    return () => {
      throw failure;
    };
  }
}

function writerOf(path: string, append: Append): LogWriter {
  return (level, message, now) => {
    try {
      append(`${now.toISOString()} ${level.padEnd(7)} ${escapeText(message)}\n`);
      return undefined;
    } catch (error) {
      return reasonOf(error, path);
    }
  };
}

function reasonOf(error: unknown, path: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const text = isBackyError(error) ? `${message}. ${error.remedy}` : message;
  return `the log ${path} cannot be written: ${text}`;
}
