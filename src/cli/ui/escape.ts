/**
 * Control characters (C0, DEL, C1), line separators, and format characters, which reverse the direction of text or have
 * no width.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Quick test: nearly all texts are printable ASCII, and this takes a tenth of the time. */
const PERHAPS_UNPRINTABLE = /[^ -~]/;

/**
 * Makes any text safe to print on one line, so that names cannot move the cursor. A JSON document keeps its meaning,
 * because such characters occur only in its strings.
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
