import { html } from 'hono/html';
import { DAY_MS } from '../../domain/duration.ts';
import type { RevisionRecord, Trust } from '../../domain/revision.ts';
import { formatSize } from '../../domain/size.ts';
import type { Html } from './document.ts';

const WEEKS = 53;
const CELL = 13;
const SIZE = 10;
const WIDTH = 600;
const HEIGHT = 60;
const MOST_POINTS = 200;

/** Best first. A day is as good as the best revision of it. */
const BEST_FIRST: readonly Trust[] = ['verified', 'trusted', 'distrusted'];

/** A square for each day of the last 53 weeks in UTC, a column for each week from Monday. */
export function calendarOf(revisions: readonly RevisionRecord[], time: string): Html {
  const today = Math.floor(Date.parse(time) / DAY_MS);
  // Day 0 was a Thursday.
  const monday = today - ((today + 3) % 7);
  const first = monday - (WEEKS - 1) * 7;
  const days = trustOfDays(revisions);
  const squares = Array.from({ length: today - first + 1 }, (_, index) =>
    square(index, new Date((first + index) * DAY_MS).toISOString().slice(0, 10), days),
  );
  return html`<svg viewBox="0 0 ${WEEKS * CELL} ${7 * CELL}" width="${WEEKS * CELL}" height="${7 * CELL}" role="img" aria-label="Backups of the last 53 weeks: ${spoken(days, first)}">${squares}</svg>`;
}

function trustOfDays(revisions: readonly RevisionRecord[]): ReadonlyMap<string, Trust> {
  const days = new Map<string, Trust>();
  for (const { timestamp, trust } of revisions) {
    const day = timestamp.slice(0, 10);
    const known = days.get(day);
    if (!known || BEST_FIRST.indexOf(trust) < BEST_FIRST.indexOf(known)) days.set(day, trust);
  }
  return days;
}

function square(index: number, day: string, days: ReadonlyMap<string, Trust>): Html {
  const trust = days.get(day);
  const x = Math.floor(index / 7) * CELL + 1;
  const y = (index % 7) * CELL + 1;
  const cross =
    trust === 'distrusted'
      ? html`<path class="distrusted" d="M${x} ${y}l${SIZE} ${SIZE}m0 -${SIZE}l-${SIZE} ${SIZE}"/>`
      : '';
  return html`<g><title>${day}: ${trust ?? 'no revision'}</title><rect class="${trust ?? 'none'}" x="${x}" y="${y}" width="${SIZE}" height="${SIZE}" rx="2"/>${cross}</g>`;
}

/** The calendar in words. */
function spoken(days: ReadonlyMap<string, Trust>, first: number): string {
  const since = new Date(first * DAY_MS).toISOString().slice(0, 10);
  const seen = [...days].filter(([day]) => day >= since);
  const bad = seen.filter(([, trust]) => trust === 'distrusted').length;
  return `${seen.length} days with a revision, ${bad} of them with distrusted ones only`;
}

/** A line of the bytes that changed, oldest on the left. @param revisions newest first */
export function changesOf(revisions: readonly RevisionRecord[]): Html {
  const changed = revisions
    .slice(0, MOST_POINTS)
    .map(({ stats }) => stats.bytesChanged)
    .reverse();
  if (changed.length < 2) return html`<p>There are too few revisions for a line.</p>`;
  const most = Math.max(1, ...changed);
  const points = changed.map((bytes, index) => {
    const x = 2 + (index / (changed.length - 1)) * (WIDTH - 4);
    const y = 2 + (1 - bytes / most) * (HEIGHT - 4);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="Changed data of ${changed.length} revisions, at most ${formatSize(most)}"><polyline class="rate" points="${points.join(' ')}"/></svg>
<p>At most ${formatSize(most)}.</p>`;
}
