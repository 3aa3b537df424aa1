/** C0, DEL, C1, line separators, and the marks that turn the direction of text around. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/gu;

/** Makes a text from anywhere safe to print on one line: names are data, and never move the cursor. */
export function escapeText(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const short = JSON.stringify(character).slice(1, -1);
    return short === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : short;
  });
}
