import { readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { invalidConfig, readConfigFile } from '../../config/config-file.ts';
import { parseYaml, type YamlDocument } from '../../config/parse-yaml.ts';
import { asText, type Field, member, root, ShapeError } from '../../domain/shape.ts';
import { fromNodeError, isNodeError } from '../../io-error.ts';

/** A file of the configuration. */
export interface ConfigDocument {
  readonly path: string;
  readonly content: Field;
  readonly locate: YamlDocument['locate'];
}

/** Reads one file. @throws BACKY_CONFIG_INVALID with line and column, BACKY_IO */
export function readDocument(path: string): ConfigDocument {
  const document = parseYaml(readConfigFile(path));
  if ('problem' in document) throw invalidConfig(path, document.position, document.problem);
  return { path, content: root(document.value ?? {}), locate: document.locate };
}

/** Reads the files that `global.include` of a file names, in the order of their names. */
export function readIncluded(main: ConfigDocument): readonly ConfigDocument[] {
  return inDocument(main, () => {
    const include = member(member(orEmpty(main.content), 'global'), 'include');
    if (include.value === undefined) return [];
    const given = Array.isArray(include.value) ? include.value : [include.value];
    const patterns = given.map((value: unknown, index) =>
      asText(
        { value, path: Array.isArray(include.value) ? [...include.path, String(index)] : include.path },
        PATTERN,
      ),
    );
    return patterns.flatMap((pattern) => filesOf(pattern, dirname(main.path), include)).map(readDocument);
  });
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
function filesOf(pattern: string, base: string, field: Field): readonly string[] {
  const full = isAbsolute(pattern) ? pattern : join(base, pattern);
  const [directory, name] = [dirname(full), basename(full)];
  if (directory.includes('*')) throw new ShapeError(field, `${PATTERN}, with * in the last part only`);
  if (!name.includes('*')) return [full];
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
