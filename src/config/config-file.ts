import { constants, fstatSync, readFileSync } from 'node:fs';
import { type BackyError, backyError } from '../errors.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import { withPlainFile } from '../plain-file.ts';
import type { Position } from './parse-yaml.ts';

/** A configuration is written by people; anything larger is not one. */
const LARGEST_CONFIG_BYTES = 1 << 20;

/**
 * The text of a configuration, which must be a plain file, if need be behind a link: a pipe is not waited for.
 *
 * @throws BACKY_CONFIG_INVALID, BACKY_IO
 */
export function readConfigFile(path: string): string {
  try {
    return withPlainFile(path, constants.O_RDONLY, (file) => {
      if (fstatSync(file).size > LARGEST_CONFIG_BYTES) throw new SyntaxError('the file is larger than 1 MiB');
      return readFileSync(file, 'utf8');
    });
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
