import { type BackyError, backyError } from '../errors.ts';
import { newestGood, type RevisionRecord } from './revision.ts';

/** How many matches of an ambiguous spec are listed. */
const LISTED_MATCHES = 5;

/**
 * The revisions that a spec names, oldest first; at least one.
 * A spec is `all`, `tag:T` (every revision with that tag), or what `findRevision` takes.
 *
 * @param revisions oldest first
 * @throws BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS
 */
export function findRevisions(spec: string, revisions: readonly RevisionRecord[]): readonly RevisionRecord[] {
  if (spec === 'all') return some(spec, revisions, 'there is no revision yet');
  const tag = tagOf(spec);
  return tag === undefined ? [findRevision(spec, revisions)] : tagged(spec, tag, revisions);
}

/**
 * The one revision that a spec names: a number (0 the newest, 1 the one before), `last` or `latest` (the newest good
 * one, or the newest if none is good), `first` (the oldest), `tag:T` (the newest with that tag), a whole id, or the
 * beginning of just one id.
 *
 * @param revisions oldest first
 * @throws BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS
 */
export function findRevision(spec: string, revisions: readonly RevisionRecord[]): RevisionRecord {
  if (revisions.length === 0) throw unknown(spec, 'there is no revision yet');
  if (spec === 'all') return only(spec, revisions);
  if (spec === 'last' || spec === 'latest') {
    return newestGood(revisions) ?? revisions.at(-1) ?? refuse(spec, 'there is none');
  }
  if (spec === 'first') return revisions[0] ?? refuse(spec, 'there is none');
  const tag = tagOf(spec);
  if (tag !== undefined) return tagged(spec, tag, revisions).at(-1) ?? refuse(spec, 'there is none');
  const exact = revisions.find(({ uuid }) => uuid === spec);
  return exact ?? (/^(0|[1-9]\d*)$/.test(spec) ? numbered(spec, revisions) : prefixed(spec, revisions));
}

function tagOf(spec: string): string | undefined {
  return spec.startsWith('tag:') ? spec.slice('tag:'.length) : undefined;
}

function tagged(spec: string, tag: string, revisions: readonly RevisionRecord[]): readonly RevisionRecord[] {
  return some(
    spec,
    revisions.filter(({ tags }) => tags.includes(tag)),
    'no revision carries that tag',
  );
}

function numbered(spec: string, revisions: readonly RevisionRecord[]): RevisionRecord {
  const found = revisions.at(-1 - Number(spec));
  return (
    found ?? refuse(spec, `the ${revisions.length} revisions are numbered from 0 to ${revisions.length - 1}`)
  );
}

function prefixed(spec: string, revisions: readonly RevisionRecord[]): RevisionRecord {
  const matches = spec === '' ? [] : revisions.filter(({ uuid }) => uuid.startsWith(spec));
  return only(spec, some(spec, matches, 'no id begins with it'));
}

function some(spec: string, found: readonly RevisionRecord[], reason: string): readonly RevisionRecord[] {
  if (found.length === 0) throw unknown(spec, reason);
  return found;
}

function only(spec: string, matches: readonly RevisionRecord[]): RevisionRecord {
  const [match, ...others] = matches;
  if (match && others.length === 0) return match;
  const ids = matches.map(({ uuid }) => uuid);
  const listed = ids.slice(0, LISTED_MATCHES).join(', ');
  throw backyError(
    'BACKY_REVISION_AMBIGUOUS',
    { spec, count: ids.length, matches: ids.length > LISTED_MATCHES ? `${listed} and more` : listed },
    { details: { matches: ids } },
  );
}

function refuse(spec: string, reason: string): never {
  throw unknown(spec, reason);
}

function unknown(spec: string, reason: string): BackyError {
  return backyError('BACKY_REVISION_UNKNOWN', { spec, reason });
}
