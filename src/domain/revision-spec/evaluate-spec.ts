import { newestGood, type RevisionRecord, takenAt } from '../revision.ts';
import { parseTimeSpan } from '../time-span.ts';
import { findByWord } from './find-by-word.ts';
import type { AttributeName, FunctionName, RangeEnd, SetName, Spec } from './spec.ts';

/** Any number of revisions, in the order of the spec. */
type Revisions = readonly RevisionRecord[];

/**
 * Evaluates a spec. Returns any number of revisions, without repetitions.
 *
 * @param all oldest first
 * @throws BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS for words without the expected match
 */
export function evaluateSpec(spec: Spec, all: Revisions): Revisions {
  switch (spec.kind) {
    case 'union':
      return [...new Set(spec.parts.flatMap((part) => evaluateSpec(part, all)))];
    case 'intersection':
      return spec.parts.map((part) => evaluateSpec(part, all)).reduce(intersect);
    case 'range':
      return evaluateRange(spec, all);
    case 'call':
      return applyFunction(spec.name, evaluateSpec(spec.of, all), all);
    case 'set':
      return selectSet(spec.name, all);
    case 'attribute':
      return all.filter((record) => hasAttribute(record, spec.name, spec.value));
    case 'word':
      return findByWord(spec.word, all);
  }
}

function intersect(left: Revisions, right: Revisions): Revisions {
  const others = new Set(right);
  return left.filter((record) => others.has(record));
}

/** Positions in the list of all revisions. A span is empty if `last` is one less than `first`. */
interface Span {
  readonly first: number;
  readonly last: number;
}

function evaluateRange({ from, to }: Spec & { readonly kind: 'range' }, all: Revisions): Revisions {
  if (isTime(from) && isTime(to)) return withinTimes(from, to, all);
  const start = from ? spanOf(from, all) : { first: 0, last: -1 };
  const end = to ? spanOf(to, all) : { first: all.length, last: all.length - 1 };
  // An end without a match differs from a missing end: "tag:gone.." must never mean all.
  if (!start || !end) return [];
  return all.slice(Math.min(start.first, end.first), Math.max(start.last, end.last) + 1);
}

function isTime(end: RangeEnd | undefined): boolean {
  return end === undefined || end.kind === 'time';
}

/** Selects by date between two times, so that a wrongly dated revision does not add its neighbours. */
function withinTimes(from: RangeEnd | undefined, to: RangeEnd | undefined, all: Revisions): Revisions {
  const spans = [from, to].map((end) => (end?.kind === 'time' ? parseTimeSpan(end.text) : undefined));
  const [start, end] = spans;
  if ((from && !start) || (to && !end)) return [];
  const given = spans.filter((span) => span !== undefined);
  const firstMs = from ? Math.min(...given.map(({ fromMs }) => fromMs)) : Number.NEGATIVE_INFINITY;
  const lastMs = to ? Math.max(...given.map(({ toMs }) => toMs)) : Number.POSITIVE_INFINITY;
  return all.filter((record) => takenAt(record) >= firstMs && takenAt(record) <= lastMs);
}

/** The positions that an end of a range covers; undefined if it matches no revision. */
function spanOf(end: RangeEnd, all: Revisions): Span | undefined {
  return end.kind === 'time' ? timePosition(end.text, all) : setPosition(evaluateSpec(end, all), all);
}

function timePosition(text: string, all: Revisions): Span | undefined {
  const time = parseTimeSpan(text);
  if (!time) return undefined;
  const first = all.findIndex((record) => takenAt(record) >= time.fromMs);
  const last = all.findLastIndex((record) => takenAt(record) <= time.toMs);
  return { first: first < 0 ? all.length : first, last };
}

function setPosition(ends: Revisions, all: Revisions): Span | undefined {
  const wanted = new Set(ends);
  const first = all.findIndex((record) => wanted.has(record));
  return first < 0 ? undefined : { first, last: all.findLastIndex((record) => wanted.has(record)) };
}

function applyFunction(name: FunctionName, of: Revisions, all: Revisions): Revisions {
  switch (name) {
    case 'first':
      return of.slice(0, 1);
    case 'last':
      return of.slice(-1);
    case 'reverse':
      return of.toReversed();
    case 'not': {
      const excluded = new Set(of);
      return all.filter((record) => !excluded.has(record));
    }
  }
}

function selectSet(name: SetName, all: Revisions): Revisions {
  switch (name) {
    case 'all':
    // The list has no incomplete revisions, so all of it is clean.
    case 'clean':
      return all;
    case 'local':
      return all.filter(({ server }) => !server);
    case 'remote':
      return all.filter(({ server }) => server);
    case 'first':
      return all.slice(0, 1);
    case 'last':
    case 'latest':
      return [newestGood(all) ?? all.at(-1)].filter((record) => record !== undefined);
  }
}

function hasAttribute(record: RevisionRecord, name: AttributeName, value: string): boolean {
  switch (name) {
    case 'tag':
      return record.tags.includes(value);
    case 'trust':
      return record.trust === value;
    case 'server':
      return record.server === value;
  }
}
