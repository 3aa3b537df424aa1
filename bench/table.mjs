/** Rows as a Markdown table: the median of the ratios, how far they spread, and the goal beside. */

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
  const lines = [HEADER, HEADER.map(() => '---'), ...rows.map(cells)];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function cells(row) {
  const figure = median(row.figures);
  const head = [row.operation, row.against, show(row, figure), ...judge(row, figure)];
  if (!row.peer) return [...head, '', '', '', ''];
  const both = (pick, digits) =>
    [row.backy, row.peer].map((costs) => median(costs.map(pick)).toFixed(digits));
  const walls = both((cost) => cost.wallS, 3).map((seconds) => `${seconds} s`);
  const cpu = both((cost) => cost.cpuS, 2).join(' / ');
  const written = both((cost) => cost.deviceBytes / MIB, 1).join(' / ');
  return [...head, ...walls, `${cpu} s`, `${written} MiB`];
}

function judge({ goal, unit }, figure) {
  if (goal === undefined) return ['', ''];
  return [unit === 'MiB' ? `≤ ${goal} MiB` : `≤ ${goal.toFixed(1)}`, figure <= goal ? 'met' : '**missed**'];
}

function show({ unit, figures }, figure) {
  if (unit === 'MiB') return `${figure.toFixed(0)} MiB`;
  if (figures.length === 1) return `**${figure.toFixed(2)}**`;
  const [least, most] = [Math.min(...figures), Math.max(...figures)].map((ratio) => ratio.toFixed(2));
  return `**${figure.toFixed(2)}** (${least}–${most})`;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
