import type { RevisionRecord } from './revision.ts';
import { evaluateSpec } from './revision-spec/evaluate-spec.ts';
import { ambiguous, unknown } from './revision-spec/find-by-word.ts';
import { formatSpec } from './revision-spec/format-spec.ts';
import { parseSpec } from './revision-spec/parse-spec.ts';
import { type Spec, shorten } from './revision-spec/spec.ts';

/**
 * Finds the revisions that match a spec: at least one, without repetitions, in the order of the spec. The default order is
 * oldest first. docs/reference/revision-specs.md describes the language.
 *
 * @param revisions oldest first
 * @throws BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS
 */
export function findRevisions(spec: string, revisions: readonly RevisionRecord[]): readonly RevisionRecord[] {
  return select(spec, parseSpec(spec), revisions);
}

/**
 * Finds the one revision that a spec names. A tag or a trust (`tag:T`, `trust:T`, or the tag alone) selects the newest of
 * its revisions; any other spec must match exactly one.
 *
 * @param revisions oldest first
 * @throws BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS
 */
export function findRevision(spec: string, revisions: readonly RevisionRecord[]): RevisionRecord {
  const tree = parseSpec(spec);
  const matches = select(spec, tree, revisions);
  const newest = matches.at(-1);
  if (newest && (matches.length === 1 || meansNewest(tree))) return newest;
  throw ambiguous(
    spec,
    matches,
    `Take one of them with "first(…)" or "last(…)": "last(${shorten(formatSpec(tree))})"`,
  );
}

function select(spec: string, tree: Spec, revisions: readonly RevisionRecord[]): readonly RevisionRecord[] {
  if (revisions.length === 0) throw unknown(spec, 'there is no revision yet');
  const matches = evaluateSpec(tree, revisions);
  if (matches.length === 0) throw unknown(spec, reasonFor(tree));
  return matches;
}

/** Whether a spec with several matches means the newest. A word with several matches is a tag. */
function meansNewest(tree: Spec): boolean {
  return tree.kind === 'word' || (tree.kind === 'attribute' && tree.name !== 'server');
}

function reasonFor(tree: Spec): string {
  if (tree.kind !== 'attribute') return 'nothing is left of the revisions it speaks of';
  return tree.name === 'tag' ? 'no revision carries that tag' : `no revision has that ${tree.name}`;
}
