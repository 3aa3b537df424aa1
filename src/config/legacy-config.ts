import { asObject, type Field, isObject, member, ShapeError } from '../domain/shape.ts';

/** The two parts of a configuration of the Python backy, in our form. */
export interface LegacyConfig {
  readonly source: Field;
  /** Its value is undefined if the configuration has no schedule. */
  readonly schedule: Field;
}

/** Keys that occur only in configurations of the Python backy, at the top and in the source. */
const LEGACY_KEYS = ['path', 'chunksize', 'source-type', 'type'];
const LEGACY_SOURCE_KEYS = ['backend', 'cow'];

/**
 * Translates a configuration of the Python backy. Returns undefined for one without its marks, which is one of ours and
 * must follow our rules.
 *
 * @throws ShapeError for keys that no version of the Python backy had
 */
export function translateLegacy(config: Field): LegacyConfig | undefined {
  if (!isLegacy(config)) return undefined;
  const [source, type, path] = ['source', 'source-type', 'path'].map((key) => member(config, key));
  const schedule = member(config, 'schedule');
  // 2.0 to 2.4: the settings of the source are at the top.
  if (has(config, 'type')) return { source: without(config, ['schedule']), schedule };
  // 2.0b1: the type is beside the source.
  if (source && type?.value !== undefined) {
    checkKeys(config, ['source', 'source-type', 'schedule']);
    return { source: withType(source, type.value), schedule };
  }
  // 2.5 and later.
  if (source && isObject(source.value)) {
    checkKeys(config, ['path', 'source', 'schedule']);
    return { source: without(source, []), schedule };
  }
  // 2014: the path of a file and nothing else.
  checkKeys(config, ['path', 'source', 'chunksize']);
  const filename = source?.value ?? path?.value;
  return { source: { path: config.path, value: { type: 'file', filename } }, schedule };
}

/** Whether a configuration describes a repository of chunks instead of images. */
export function isChunkedConfig(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { source, backend } = value;
  return backend === 'chunked' || (isObject(source) && source.backend === 'chunked');
}

function isLegacy(config: Field): boolean {
  if (!isObject(config.value)) return false;
  const source = member(config, 'source');
  const isMarked = isObject(source.value) && LEGACY_SOURCE_KEYS.some((key) => has(source, key));
  return isMarked || LEGACY_KEYS.some((key) => has(config, key));
}

function has(field: Field, key: string): boolean {
  return Object.hasOwn(asObject(field), key);
}

/** The source without its storage backend, because revisions are always images now. */
function without(source: Field, keys: readonly string[]): Field {
  const dropped = [...keys, ...LEGACY_SOURCE_KEYS];
  const kept = Object.entries(asObject(source)).filter(([key]) => !dropped.includes(key));
  return { path: source.path, value: Object.fromEntries(kept) };
}

function withType(source: Field, type: unknown): Field {
  const value = typeof source.value === 'string' ? spelledOut(source.value, type) : asObject(source);
  return without({ path: source.path, value: { type, ...value } }, []);
}

/** The settings for a name; an image of Ceph was written as `POOL/IMAGE`. */
function spelledOut(text: string, type: unknown): object {
  if (type === 'file') return { filename: text };
  const [pool, ...image] = text.split('/');
  return { pool, image: image.join('/') };
}

function checkKeys(config: Field, known: readonly string[]): void {
  const unknown = Object.keys(asObject(config)).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const field = { path: [...config.path, unknown], value: unknown };
  throw new ShapeError(field, `one of ${known.join(', ')}, as the Python backy had it`, 'key');
}
