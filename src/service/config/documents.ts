import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { invalidConfig, readConfigFile } from '../../config/config-file.ts';
import { parseYaml, type YamlDocument } from '../../config/parse-yaml.ts';
import { asList, asText, type Field, member, root, ShapeError } from '../../domain/shape.ts';
import { fromNodeError, isNodeError } from '../../io-error.ts';

/** Each of a thousand jobs may refer to hooks and limits that are written once. */
const MOST_ALIASES = 2000;

/** A file of the configuration. */
export interface ConfigDocument {
  readonly path: string;
  readonly content: Field;
  readonly locate: YamlDocument['locate'];
}

/** Reads one file. @throws BACKY_CONFIG_INVALID with line and column, BACKY_IO */
export function readDocument(path: string): ConfigDocument {
  return parseDocument(path, readConfigFile(path));
}

/** Reads a file from its text. @throws BACKY_CONFIG_INVALID with line and column */
export function parseDocument(path: string, text: string): ConfigDocument {
  const document = parseYaml(text, MOST_ALIASES);
  if ('problem' in document) throw invalidConfig(path, document.position, document.problem);
  return { path, content: root(document.value ?? {}), locate: document.locate };
}

/** Reads the files that `global.include` of a file names, in the order of their names. */
export function readIncluded(main: ConfigDocument): readonly ConfigDocument[] {
  const include = includeOf(main);
  return inDocument(main, () =>
    patternsOf(main)
      .flatMap((pattern) => filesOf(pattern, include))
      .map(readDocument),
  );
}

function includeOf(main: ConfigDocument): Field {
  return inDocument(main, () => member(orEmpty(member(orEmpty(main.content), 'global')), 'include'));
}

/** The patterns as absolute paths; relative ones are relative to the file. */
function patternsOf(main: ConfigDocument): readonly string[] {
  const include = includeOf(main);
  if (include.value === undefined) return [];
  return inDocument(main, () => {
    const fields = Array.isArray(include.value) ? asList(include, PATTERN) : [include];
    return fields.map((field) => resolve(dirname(main.path), asText(field, PATTERN)));
  });
}

/** The directory into which new jobs go: that of the first pattern of `global.include`. Undefined if there is none. */
export function includeDirectory(main: ConfigDocument): string | undefined {
  return patternsOf(main)
    .filter((pattern) => basename(pattern).endsWith('*.yml'))
    .map((pattern) => dirname(pattern))[0];
}

/** Runs `work`; a value of a wrong shape becomes an error that names the file, the line and the column. */
export function inDocument<Result>({ path, locate }: ConfigDocument, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw invalidConfig(path, locate(error.path, error.concerns), error.message);
  }
}

/** An object without keys in the place of a missing one. */
export function orEmpty(field: Field): Field {
  return field.value === undefined || field.value === null ? { ...field, value: {} } : field;
}

const PATTERN = 'the path of a file, or of files such as /etc/backy.d/*.yml';

/** The files that a path with `*` in its last part stands for. A missing directory has none. */
function filesOf(pattern: string, field: Field): readonly string[] {
  const [directory, name] = [dirname(pattern), basename(pattern)];
  if (directory.includes('*')) throw new ShapeError(field, `${PATTERN}, with * in the last part only`);
  if (!name.includes('*')) return [pattern];
  const matches = new RegExp(`^${name.split('*').map(escaped).join('.*')}$`);
  try {
    const names = readdirSync(directory).filter((entry) => matches.test(entry) && !entry.startsWith('.'));
    return names.sort().map((entry) => join(directory, entry));
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) return [];
    throw fromNodeError(error);
  }
}

function escaped(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}
