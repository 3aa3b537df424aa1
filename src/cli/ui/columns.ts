import { escapeText } from './escape.ts';
import type { Look } from './look.ts';

/** The longest a line should be, in characters. */
const WIDTH = 100;
const INDENT = '    ';

export interface Column {
  readonly title: string;
  /** The preferred width in characters; by default that of the longest cell. */
  readonly width?: number;
  readonly isNumber?: boolean;
  /** Spaces before it; two by default. */
  readonly gap?: number;
}

export interface Row {
  /** One for each column; extra cells are ignored. */
  readonly cells: readonly string[];
  /** Further remarks, shown behind or below the cells. */
  readonly remarks?: readonly string[];
  /** Whether the row needs attention. */
  readonly isAlarming?: boolean;
}

/**
 * Formats a table with a header. Columns shrink to their longest cell if lines would exceed 100 characters. Remarks that
 * do not fit behind the cells are put below them, unless the look is verbose.
 */
export function tableLines(columns: readonly Column[], rows: readonly Row[], look: Look): readonly string[] {
  if (rows.length === 0) return [];
  const escaped = rows.map(({ cells, remarks = [], ...row }) => ({
    ...row,
    cells: cells.map(escapeText),
    remarks: remarks.map(escapeText),
  }));
  const header = columns.map(({ title }) => title);
  const layout = layOut(columns, [header, ...escaped.map(({ cells }) => cells)], look);
  return [
    look.title(joinCells(header, layout)),
    ...escaped.flatMap(({ cells, remarks, isAlarming }) => {
      const lines = withRemarks(joinCells(cells, layout), remarks, look);
      return isAlarming ? lines.map(look.alarm) : lines;
    }),
  ];
}

/** Breaks a line of more than 100 characters between words. Continuation lines are indented. */
export function wrapLine(line: string, indent: string = INDENT): readonly string[] {
  if (line.length <= WIDTH) return [line];
  const at = line.lastIndexOf(' ', WIDTH);
  const end = at > indent.length ? at : line.indexOf(' ', WIDTH);
  if (end === -1) return [line];
  return [line.slice(0, end), ...wrapLine(`${indent}${line.slice(end + 1).trimStart()}`, indent)];
}

interface Place {
  readonly width: number;
  readonly gap: number;
  readonly isNumber: boolean;
}

function layOut(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { verbose }: Look,
): readonly Place[] {
  const longest = columns.map((_, at) =>
    rows.reduce((most, cells) => Math.max(most, cells[at]?.length ?? 0), 0),
  );
  const layout = (spare: boolean, narrowGap: boolean): readonly Place[] =>
    columns.map(({ width = 0, gap = 2, isNumber = false }, at) => ({
      width: Math.max(spare ? width : 0, longest[at] ?? 0),
      gap: at === 0 ? 0 : narrowGap ? 1 : gap,
      isNumber,
    }));
  const length = (places: readonly Place[]): number =>
    places.reduce((sum, { width, gap }) => sum + width + gap, 0);
  const roomy = layout(true, false);
  if (verbose || length(roomy) <= WIDTH) return roomy;
  const tight = layout(false, false);
  return length(tight) <= WIDTH ? tight : layout(false, true);
}

function joinCells(cells: readonly string[], layout: readonly Place[]): string {
  const padded = layout.map(({ width, gap, isNumber }, at) => {
    const cell = cells[at] ?? '';
    return ' '.repeat(gap) + (isNumber ? cell.padStart(width) : cell.padEnd(width));
  });
  return padded.join('').trimEnd();
}

function withRemarks(line: string, remarks: readonly string[], { verbose }: Look): readonly string[] {
  const whole = [line, ...remarks].join('  ');
  if (verbose || whole.length <= WIDTH) return [whole];
  return [line, ...remarks.flatMap((remark) => wrapLine(`${INDENT}${remark}`, INDENT.repeat(2)))];
}
