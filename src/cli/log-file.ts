import { existsSync } from 'node:fs';
import { isBackyError } from '../errors.ts';
import { isNodeError } from '../io-error.ts';
import type { Context, LogLevel } from '../operations/context.ts';
import { appendToPlainFile } from '../plain-file.ts';
import { escapeText } from './ui/escape.ts';

/** Appends one line to a log; returns why it could not. */
export type LogWriter = (level: LogLevel, message: string, now: Date) => string | undefined;

/** Appends a line to a file. */
type Append = (line: string) => void;

/**
 * Writes the log of a repository. In a directory that is no repository nothing is written: a mistyped -b must not leave
 * files behind.
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
      // That a read-only repository has no log goes without saying.
      if (!isNodeError(error, 'EROFS')) throw error;
    }
  });
  return (level, message, now) => (existsSync(config) ? write(level, message, now) : undefined);
}

/**
 * Writes to the file of `--log` instead. The engine opens it, as it may lie in a directory of somebody else; if the
 * engine cannot be loaded, each line says why.
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
