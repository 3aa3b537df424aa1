import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { ShapeError } from '../domain/shape.ts';
import { backyError } from '../errors.ts';
import type { Config } from './config.ts';
import { invalidConfig, readConfigFile } from './config-file.ts';
import { decodeConfig } from './decode-config.ts';
import { isChunkedConfig } from './legacy-config.ts';
import { parseYaml } from './parse-yaml.ts';
import { HEADING } from './write-config.ts';

/**
 * Reads the configuration of a repository.
 *
 * @param check receives the facts about the opened file, and throws if it must not be used
 * @throws BACKY_CONFIG_INVALID with line and column, BACKY_CHUNKED_REPOSITORY, BACKY_IO
 */
export async function loadConfig(path: string, check?: (stats: Stats) => void): Promise<Config> {
  return parseConfig(readConfigFile(path, check), path);
}

/** Reads a configuration from its text; `path` is for messages. */
export function parseConfig(text: string, path: string): Config {
  const document = parseYaml(text);
  if ('problem' in document) throw invalidConfig(path, document.position, document.problem);
  if (isChunkedConfig(document.value)) throw backyError('BACKY_CHUNKED_REPOSITORY', { path: dirname(path) });
  try {
    return decodeConfig(document.value, text.startsWith(HEADING));
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw invalidConfig(path, document.locate(error.path, error.concerns), error.message);
  }
}
