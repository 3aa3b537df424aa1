const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** A text as one word of a shell command, for people to copy. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
