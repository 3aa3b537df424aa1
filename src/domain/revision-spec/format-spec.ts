import type { RangeEnd, Spec } from './spec.ts';

/** How tightly each kind binds; what is looser than its surroundings needs parentheses. */
const TIGHTNESS = {
  union: 0,
  intersection: 1,
  range: 2,
  call: 3,
  set: 3,
  attribute: 3,
  word: 3,
  time: 3,
} as const;

/** The text of a spec with no more parentheses than it needs; reading it gives the same tree. */
export function formatSpec(spec: Spec): string {
  switch (spec.kind) {
    case 'union':
      return spec.parts.map((part) => formatWithin(part, TIGHTNESS.intersection)).join(', ');
    case 'intersection':
      return spec.parts.map((part) => formatWithin(part, TIGHTNESS.range)).join(' & ');
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

function formatWithin(spec: Spec, tightness: number): string {
  const text = formatSpec(spec);
  return TIGHTNESS[spec.kind] < tightness ? `(${text})` : text;
}

function formatEnd(end: RangeEnd | undefined): string {
  if (!end) return '';
  return end.kind === 'time' ? end.text : formatWithin(end, TIGHTNESS.call);
}

/** A tag may end with a dot, which must not be taken for one of the two. */
function formatRange(from: string, to: string): string {
  return `${from}${from.endsWith('.') ? ' ' : ''}..${to}`;
}
