import { isObject } from '../../domain/shape.ts';
import { isBackyError } from '../../errors.ts';
import { readDocument } from './documents.ts';

/** The path of the status file in a configuration that has mistakes elsewhere; undefined if it cannot be told. */
export function statusFileIn(path: string): string | undefined {
  const content = contentOf(path);
  const global = isObject(content) ? content.global : undefined;
  if (!isObject(global)) return undefined;
  const { 'status-file': statusFile, 'base-dir': baseDirectory } = global;
  if (typeof statusFile === 'string') return statusFile;
  return typeof baseDirectory === 'string' ? `${baseDirectory.replace(/(?<=.)\/+$/, '')}/status` : undefined;
}

function contentOf(path: string): unknown {
  try {
    return readDocument(path).content.value;
  } catch (error) {
    if (!isBackyError(error)) throw error;
    return undefined;
  }
}
