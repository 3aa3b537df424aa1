import { type BackyError, backyError } from '../../errors.ts';
import { nearest } from '../nearest.ts';
import type { RevisionRecord } from '../revision.ts';
import { looksLikeTime } from '../time-span.ts';
import { SET_NAMES, shorten } from './spec.ts';

/** Number of matches that an error for an ambiguous spec lists. */
const LISTED_MATCHES = 5;
/** Longer words are not typos of a keyword. */
const LONGEST_TYPO = 12;

/**
 * Finds revisions by a word that is not a keyword: one revision by its id, its number (0 is the newest) or a prefix of its
 * id, or else all revisions with this tag.
 *
 * @param all oldest first
 * @throws BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS
 */
export function findByWord(word: string, all: readonly RevisionRecord[]): readonly RevisionRecord[] {
  const exact = all.find(({ uuid }) => uuid === word);
  if (exact) return [exact];
  if (/^(0|[1-9]\d*)$/.test(word)) return [numbered(word, all)];
  const matches = all.filter(({ uuid }) => uuid.startsWith(word));
  if (matches.length > 1)
    throw ambiguous(word, matches, 'Give more of the id, or the number of one revision');
  if (matches.length === 1) return matches;
  const tagged = all.filter(({ tags }) => tags.includes(word));
  if (tagged.length === 0) throw unknown(word, reasonFor(word));
  return tagged;
}

/** The error for a spec without a match. */
export function unknown(spec: string, reason: string): BackyError {
  return backyError('BACKY_REVISION_UNKNOWN', { spec: shorten(spec), reason });
}

/** The error for a spec with several matches if only one is allowed. */
export function ambiguous(spec: string, matches: readonly RevisionRecord[], advice: string): BackyError {
  const ids = matches.map(({ uuid }) => uuid);
  const listed = ids.slice(0, LISTED_MATCHES).join(', ');
  return backyError(
    'BACKY_REVISION_AMBIGUOUS',
    {
      spec: shorten(spec),
      count: ids.length,
      matches: ids.length > LISTED_MATCHES ? `${listed} and more` : listed,
      advice,
    },
    { details: { matches: ids } },
  );
}

function numbered(word: string, all: readonly RevisionRecord[]): RevisionRecord {
  const found = all.at(-1 - Number(word));
  if (found) return found;
  throw unknown(
    word,
    all.length === 1
      ? 'there is one revision, which has the number 0'
      : `the ${all.length} revisions are numbered from 0 to ${all.length - 1}`,
  );
}

function reasonFor(word: string): string {
  if (looksLikeTime(word)) return `a time only ends a range, as in "${word}.."`;
  const meant = word.length > LONGEST_TYPO ? undefined : nearest(word, SET_NAMES);
  return `no id begins with it and no revision has such a tag${meant ? `; did you mean "${meant}"?` : ''}`;
}
