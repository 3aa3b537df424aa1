import type { Stats } from 'node:fs';
import { type BackyError, backyError } from '../errors.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import { readPlainFile } from '../plain-file.ts';
import type { Position } from './parse-yaml.ts';

/**
 * Reads the text of a configuration. It must be a plain file or a link to one; a pipe could block forever.
 *
 * @param check receives the facts about the opened file
 * @throws BACKY_CONFIG_INVALID, BACKY_IO, and what `check` throws
 */
export function readConfigFile(path: string, check?: (stats: Stats) => void): string {
  try {
    return readPlainFile(path, { followsLinks: true, ...(check ? { check } : {}) }).toString();
  } catch (error) {
    if (error instanceof SyntaxError) throw invalidConfig(path, START, error.message);
    // Errors of calls on an open file do not name its path.
    throw fromNodeError(isNodeError(error) ? Object.assign(error, { path }) : error);
  }
}

/** The error for a problem at a position in a configuration. */
export function invalidConfig(path: string, position: Position, problem: string): BackyError {
  return backyError('BACKY_CONFIG_INVALID', { path, ...position, problem });
}

const START: Position = { line: 1, column: 1 };
