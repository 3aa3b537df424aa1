import { asList, asText, type Field, ShapeError } from '../../domain/shape.ts';

/** An absolute path. @throws ShapeError */
export function decodePath(field: Field): string {
  return asText(field, 'an absolute path', /^\/[^\0\n]*$/);
}

const COMMAND = 'a command: a list of words, or a text without quotes';

/** A command as its words; a text is split at blanks. There is no shell. @throws ShapeError */
export function decodeCommand(field: Field): readonly string[] {
  const words =
    typeof field.value === 'string'
      ? asText(field, COMMAND, /^[^\0"'\\]+$/)
          .split(/\s+/)
          .filter((word) => word !== '')
      : asList(field, COMMAND).map((word) => asText(word, 'a word', /^[^\0]*$/));
  if (words.length === 0 || words[0] === '') throw new ShapeError(field, COMMAND);
  return words;
}
