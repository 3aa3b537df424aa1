import type { Occasion } from '../model/service-config.ts';

/** A change that a target is told of. */
export interface Change {
  readonly occasion: Occasion;
  readonly subject: string;
  readonly text: string;
}

/** The text of a message is cut after this many changes. */
const MOST_LINES = 50;

/** One line that says what happened. */
export function titleOf(changes: readonly Change[]): string {
  const [first] = changes;
  if (changes.length === 1 && first) return `backy: ${first.subject}: ${wordOf(first.occasion)}`;
  const counts = new Map<Occasion, number>();
  for (const { occasion } of changes) counts.set(occasion, (counts.get(occasion) ?? 0) + 1);
  return `backy: ${[...counts].map(([occasion, count]) => `${count} ${wordOf(occasion)}`).join(', ')}`;
}

/** A line for each change. */
export function textOf(changes: readonly Change[]): string {
  const lines = changes
    .slice(0, MOST_LINES)
    .map(({ occasion, subject, text }) => `${subject}: ${wordOf(occasion)}: ${text}`);
  const rest = changes.length - lines.length;
  return [...lines, ...(rest > 0 ? [`and ${rest} more`] : [])]
    .map((line) => line.replace(/\s+/g, ' '))
    .join('\n');
}

function wordOf(occasion: Occasion): string {
  return occasion === 'disk'
    ? 'disk almost full'
    : occasion === 'config'
      ? 'configuration refused'
      : occasion;
}
