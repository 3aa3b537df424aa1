/** A token of a revision spec. */
export interface Token {
  readonly type: Delimiter | 'word' | 'end';
  readonly text: string;
  /** Position of the first character, counted from 1. */
  readonly column: number;
}

const DELIMITERS = ['..', '(', ')', ',', '&'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/** The group makes `split` return the delimiters, too. */
const DELIMITER = /(\.\.|[(),&])/;

/** Splits a spec into tokens; the last one marks the end. White space counts only within words. */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  for (const piece of text.split(DELIMITER)) {
    const word = piece.trim();
    const column = offset + 1 + (piece.length - piece.trimStart().length);
    const type = DELIMITERS.find((delimiter) => delimiter === piece) ?? 'word';
    if (word !== '') tokens.push({ type, text: word, column });
    offset += piece.length;
  }
  return [...tokens, { type: 'end', text: '', column: text.length + 1 }];
}
