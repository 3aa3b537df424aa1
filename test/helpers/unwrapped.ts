/** A report without the breaks of its long lines. */
export function unwrapped(text: string): string {
  return text.replace(/\n {2,}/g, ' ');
}
