/** Rows as a Markdown table: the median of the figures, how far they spread, and the goal beside. */
import { median } from './median.mjs';

const HEADER = [
  'operation',
  'compared with',
  'figure',
  'goal',
  '',
  'backy',
  'peer',
  'CPU backy / peer',
  'written backy / peer',
];
const MIB = 2 ** 20;

/**
 * @param {readonly import('./row.mjs').Row[]} rows
 * @returns {string}
 */
export function table(rows) {
  return markdownTable(HEADER, rows.map(cells));
}

/**
 * @param {readonly string[]} header
 * @param {readonly (readonly string[])[]} lines
 * @returns {string}
 */
export function markdownTable(header, lines) {
  return [header, header.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function cells(row) {
  const head = [row.operation, row.against, figure(row), ...judgement(row)];
  if (!row.peer) return [...head, '', '', '', ''];
  const both = (pick, digits) =>
    [row.backy, row.peer].map((costs) => median(costs.map(pick)).toFixed(digits));
  const walls = both((cost) => cost.wallS, 3).map((seconds) => `${seconds} s`);
  const cpu = both((cost) => cost.cpuS, 2).join(' / ');
  const written = both((cost) => cost.deviceBytes / MIB, 1).join(' / ');
  return [...head, ...walls, `${cpu} s`, `${written} MiB`];
}

function judgement({ goal, unit, figures }) {
  if (goal === undefined) return ['', ''];
  const [sign, limit, met] =
    'most' in goal
      ? ['≤', goal.most, median(figures) <= goal.most]
      : ['≥', goal.least, median(figures) >= goal.least];
  return [`${sign} ${limit}${unit === '×' ? '' : ` ${unit}`}`, met ? 'met' : '**missed**'];
}

function figure({ unit, figures }) {
  const suffix = unit === '×' ? '' : ` ${unit}`;
  const digits = unit === 'MiB' ? 0 : 2;
  // Without the minus that -0.4 keeps when it becomes 0.
  const show = (value) => (Number(value.toFixed(digits)) + 0).toFixed(digits);
  const middle = `**${show(median(figures))}**${suffix}`;
  return figures.length === 1
    ? middle
    : `${middle} (${show(Math.min(...figures))}–${show(Math.max(...figures))})`;
}
