import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ShapeError } from '../domain/shape.ts';
import { type BackyError, backyError } from '../errors.ts';
import { fromNodeError } from '../io-error.ts';
import type { Config } from './config.ts';
import { decodeConfig } from './decode-config.ts';
import { isChunkedConfig } from './legacy-config.ts';
import { type Position, parseYaml } from './parse-yaml.ts';

/** A configuration is written by people; anything larger is not one. */
const LARGEST_CONFIG_BYTES = 1 << 20;

/**
 * Reads the configuration of a repository.
 *
 * @throws BACKY_CONFIG_INVALID with line and column, BACKY_CHUNKED_REPOSITORY, BACKY_IO
 */
export async function loadConfig(path: string): Promise<Config> {
  try {
    const { size } = await stat(path);
    if (size > LARGEST_CONFIG_BYTES)
      throw invalid(path, { line: 1, column: 1 }, 'the file is larger than 1 MiB');
    return parseConfig(await readFile(path, 'utf8'), path);
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** Reads a configuration from its text; `path` is for messages. */
export function parseConfig(text: string, path: string): Config {
  const document = parseYaml(text);
  if ('problem' in document) throw invalid(path, document.position, document.problem);
  if (isChunkedConfig(document.value)) throw backyError('BACKY_CHUNKED_REPOSITORY', { path: dirname(path) });
  try {
    return decodeConfig(document.value);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw invalid(path, document.locate(error.path, error.concerns), error.message);
  }
}

function invalid(path: string, position: Position, problem: string): BackyError {
  return backyError('BACKY_CONFIG_INVALID', { path, ...position, problem });
}
