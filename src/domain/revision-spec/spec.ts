import type { Trust } from '../revision.ts';

/** A revision spec as a tree. What it means stands in docs/reference/revision-specs.md. */
export type Spec =
  | { readonly kind: 'union' | 'intersection'; readonly parts: readonly Spec[] }
  | { readonly kind: 'range'; readonly from: RangeEnd | undefined; readonly to: RangeEnd | undefined }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly of: Spec }
  | { readonly kind: 'set'; readonly name: SetName }
  | { readonly kind: 'attribute'; readonly name: AttributeName; readonly value: string }
  | { readonly kind: 'word'; readonly word: string };

/** Where a range begins or ends: at revisions, or at a date or time as it was written. */
export type RangeEnd = Spec | { readonly kind: 'time'; readonly text: string };

/** What makes revisions of revisions. */
export const FUNCTION_NAMES = ['first', 'last', 'not', 'reverse'] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

/** What stands for revisions all by itself. */
export const SET_NAMES = ['all', 'clean', 'local', 'remote', 'first', 'last', 'latest'] as const;
export type SetName = (typeof SET_NAMES)[number];

/** What is followed by a colon and a value: all revisions that have it. */
export const ATTRIBUTE_NAMES = ['tag', 'trust', 'server'] as const;
export type AttributeName = (typeof ATTRIBUTE_NAMES)[number];

export const TRUSTS: readonly Trust[] = ['trusted', 'verified', 'distrusted'];

/** How much of a spec a message repeats. */
const LONGEST_QUOTE = 60;

/** A spec, or a part of one, for a message: somebody may have given a whole file for one. */
export function shorten(text: string): string {
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
}
