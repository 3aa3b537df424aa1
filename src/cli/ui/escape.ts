/**
 * Control characters (C0, DEL, C1), line separators, and format characters, which turn the direction of text around or
 * have no width.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Nearly every text is without these, and then this takes a tenth of the time. */
const PERHAPS_UNPRINTABLE = /[^ -~]/;

/**
 * Makes a text from anywhere safe to print on one line: names are data, and never move the cursor. A JSON document says
 * the same afterwards, because such characters stand in its strings only.
 */
export function escapeText(text: string): string {
  return PERHAPS_UNPRINTABLE.test(text) ? text.replace(UNPRINTABLE, escapeCharacter) : text;
}

function escapeCharacter(character: string): string {
  const short = JSON.stringify(character).slice(1, -1);
  return short === character
    ? [...Array(character.length).keys()].map((at) => unit(character, at)).join('')
    : short;
}

/** One of the one or two UTF-16 code units of a character, as JSON writes it. */
function unit(character: string, at: number): string {
  return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
}
