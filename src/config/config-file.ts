import type { Stats } from 'node:fs';
import { type BackyError, backyError } from '../errors.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import { readPlainFile } from '../plain-file.ts';
import type { Position } from './parse-yaml.ts';

/**
 * The text of a configuration, which must be a plain file, if need be behind a link: a pipe is not waited for.
 *
 * @param check sees the facts about the very file that is read
 * @throws BACKY_CONFIG_INVALID, BACKY_IO, and what `check` throws
 */
export function readConfigFile(path: string, check?: (stats: Stats) => void): string {
  try {
    return readPlainFile(path, { followsLinks: true, ...(check ? { check } : {}) }).toString();
  } catch (error) {
    if (error instanceof SyntaxError) throw invalidConfig(path, START, error.message);
    // What fails on an open file does not say which one it was.
    throw fromNodeError(isNodeError(error) ? Object.assign(error, { path }) : error);
  }
}

/** What is wrong with a configuration, and where. */
export function invalidConfig(path: string, position: Position, problem: string): BackyError {
  return backyError('BACKY_CONFIG_INVALID', { path, ...position, problem });
}

const START: Position = { line: 1, column: 1 };
