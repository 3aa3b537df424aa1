const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** Quotes a text as one word of a shell command. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
