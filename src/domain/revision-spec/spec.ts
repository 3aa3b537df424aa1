import type { Trust } from '../revision.ts';

/** A revision spec as a tree. docs/reference/revision-specs.md defines its meaning. */
export type Spec =
  | { readonly kind: 'union' | 'intersection'; readonly parts: readonly Spec[] }
  | { readonly kind: 'range'; readonly from: RangeEnd | undefined; readonly to: RangeEnd | undefined }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly of: Spec }
  | { readonly kind: 'set'; readonly name: SetName }
  | { readonly kind: 'attribute'; readonly name: AttributeName; readonly value: string }
  | { readonly kind: 'word'; readonly word: string };

/** An end of a range: a spec, or a date or time as written. */
export type RangeEnd = Spec | { readonly kind: 'time'; readonly text: string };

/** The functions, which map revisions to revisions. */
export const FUNCTION_NAMES = ['first', 'last', 'not', 'reverse'] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

/** The keywords for sets of revisions. */
export const SET_NAMES = ['all', 'clean', 'local', 'remote', 'first', 'last', 'latest'] as const;
export type SetName = (typeof SET_NAMES)[number];

/** The attributes. With a colon and a value they select the revisions that have it. */
export const ATTRIBUTE_NAMES = ['tag', 'trust', 'server'] as const;
export type AttributeName = (typeof ATTRIBUTE_NAMES)[number];

export const TRUSTS: readonly Trust[] = ['trusted', 'verified', 'distrusted'];

/** Length limit of a spec that a message quotes. */
const LONGEST_QUOTE = 60;

/** Shortens a spec, or a part of one, for a message. The input may be of any size. */
export function shorten(text: string): string {
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
}
