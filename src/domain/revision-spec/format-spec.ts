import type { RangeEnd, Spec } from './spec.ts';

/** Precedence of each kind. An operand of lower precedence needs parentheses. */
const PRECEDENCE = {
  union: 0,
  intersection: 1,
  range: 2,
  call: 3,
  set: 3,
  attribute: 3,
  word: 3,
  time: 3,
} as const;

/** Formats a spec with as few parentheses as possible. Parsing the text gives the same tree. */
export function formatSpec(spec: Spec): string {
  switch (spec.kind) {
    case 'union':
      return spec.parts.map((part) => formatWithin(part, PRECEDENCE.intersection)).join(', ');
    case 'intersection':
      return spec.parts.map((part) => formatWithin(part, PRECEDENCE.range)).join(' & ');
    case 'range':
      return formatRange(formatEnd(spec.from), formatEnd(spec.to));
    case 'call':
      return `${spec.name}(${formatSpec(spec.of)})`;
    case 'set':
      return spec.name;
    case 'attribute':
      return `${spec.name}:${spec.value}`;
    case 'word':
      return spec.word;
  }
}

function formatWithin(spec: Spec, precedence: number): string {
  const text = formatSpec(spec);
  return PRECEDENCE[spec.kind] < precedence ? `(${text})` : text;
}

function formatEnd(end: RangeEnd | undefined): string {
  if (!end) return '';
  return end.kind === 'time' ? end.text : formatWithin(end, PRECEDENCE.call);
}

/** Separates a tag that ends with a dot from the two dots of the range. */
function formatRange(from: string, to: string): string {
  return `${from}${from.endsWith('.') ? ' ' : ''}..${to}`;
}
