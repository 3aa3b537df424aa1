import { readConfigFile } from '../../config/config-file.ts';
import { parseYaml } from '../../config/parse-yaml.ts';
import { isObject } from '../../domain/shape.ts';
import { loadServiceConfig } from './load-service-config.ts';

/** The section `global` of a configuration in block style: no other line of it begins in the first column. */
const GLOBAL = /^global:.*\n?(?:(?:[ \t].*|#.*|\r?)(?:\n|$))*/m;

/**
 * The path of the status file. Only the section `global` is read, so that monitoring is quick with a thousand jobs and
 * works while there is a mistake elsewhere.
 *
 * @throws BACKY_CONFIG_INVALID, BACKY_IO
 */
export function statusFileIn(path: string): string {
  const text = readConfigFile(path);
  const [section = ''] = GLOBAL.exec(text) ?? [];
  return statusFileOf(section) ?? statusFileOf(text) ?? loadServiceConfig(path).statusFile;
}

/** Undefined if it cannot be told. */
function statusFileOf(text: string): string | undefined {
  const document = parseYaml(text);
  const content = 'problem' in document ? undefined : document.value;
  const global = isObject(content) ? content.global : undefined;
  if (!isObject(global)) return undefined;
  const { 'status-file': statusFile, 'base-dir': baseDirectory } = global;
  if (typeof statusFile === 'string') return statusFile;
  return typeof baseDirectory === 'string' ? `${baseDirectory.replace(/(?<=.)\/+$/, '')}/status` : undefined;
}
