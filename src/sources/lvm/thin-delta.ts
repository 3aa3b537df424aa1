/** A byte range. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** Parses the output of thin_delta(8) incrementally. */
export interface ThinDeltaReader {
  /** Parses the next piece. @throws Error for any other kind of text, and for more than `MOST_RANGES` ranges */
  feed(text: string): void;
  /** Returns the ranges that differ, in ascending order. @throws Error when the output is incomplete */
  finish(): readonly Extent[];
}

/** Two thin volumes, by their numbers in the metadata of their pool. */
export interface ThinPair {
  readonly left: number;
  readonly right: number;
}

const SECTOR_BYTES = 512;
/** Ranges with a smaller gap are merged. Both blocks are read and hashed as a whole anyway. */
const NEAR_BYTES = 256 * 1024;
/** More ranges would take too much memory, and reading everything would take little longer. */
export const MOST_RANGES = 1_000_000;
/** Characters of an element. Those of thin_delta have less than 200. */
const LONGEST_ELEMENT = 10_000;
/** The elements of a delta, and whether each one means a change. */
const CHANGED: ReadonlyMap<string, boolean> = new Map([
  ['same', false],
  ['different', true],
  ['left_only', true],
  ['right_only', true],
]);
/** The elements around a delta, in order. */
const FRAME = ['<superblock', '<diff', '</diff', '</superblock'];
const ELEMENT = /^\s*(<\/?\w+)((?:\s+\w+="[^"<>]*")*)\s*\/?$/;
const ATTRIBUTES = {
  block: /\sdata_block_size="(\d{1,15})"/,
  left: /\sleft="(\d{1,15})"/,
  right: /\sright="(\d{1,15})"/,
  begin: /\sbegin="(\d{1,15})"/,
  length: /\slength="(\d{1,15})"/,
} as const;

/** Creates a parser. @param pair the compared volumes, which the output must confirm */
export function createThinDeltaReader({ left, right }: ThinPair): ThinDeltaReader {
  const extents: Extent[] = [];
  let [rest, depth, blockBytes, nextBlock] = ['', 0, 0, 0];

  function take(element: string): void {
    const [, name = '', attributes = ''] = ELEMENT.exec(element) ?? [];
    const changed = CHANGED.get(name.slice(1));
    if (changed !== undefined && depth === 2) takeRange(attributes, changed);
    else if (name === FRAME[depth]) takeFrame(attributes);
    else throw unexpected(element);
  }

  function takeFrame(attributes: string): void {
    if (depth === 0) blockBytes = numberIn(attributes, 'block', 1) * SECTOR_BYTES;
    if (depth === 1 && (numberIn(attributes, 'left') !== left || numberIn(attributes, 'right') !== right))
      throw new Error(`it compares other volumes than ${left} and ${right}`);
    depth += 1;
  }

  function takeRange(attributes: string, changed: boolean): void {
    const begin = numberIn(attributes, 'begin', nextBlock);
    nextBlock = begin + numberIn(attributes, 'length', 1);
    const end = nextBlock * blockBytes;
    if (!Number.isSafeInteger(end)) throw new Error('a range ends beyond all volumes');
    if (changed) append(extents, begin * blockBytes, end);
  }

  return {
    feed: (text) => {
      const elements = (rest + text).split('>');
      rest = elements.pop() ?? '';
      if (rest.length > LONGEST_ELEMENT) throw unexpected(rest);
      elements.forEach(take);
    },
    finish: () => {
      if (depth !== FRAME.length || rest.trim() !== '') throw new Error('the output is cut off');
      return extents;
    },
  };
}

function append(extents: Extent[], offset: number, end: number): void {
  const last = extents.at(-1);
  const isNear = last && offset - last.offset - last.length < NEAR_BYTES;
  if (isNear) extents[extents.length - 1] = { offset: last.offset, length: end - last.offset };
  else if (extents.length < MOST_RANGES) extents.push({ offset, length: end - offset });
  else throw new Error(`it lists more than ${MOST_RANGES.toLocaleString('en')} changed ranges`);
}

function unexpected(element: string): Error {
  return new Error(`unexpected ${element.trim().slice(0, 80)}>`);
}

function numberIn(attributes: string, name: keyof typeof ATTRIBUTES, least = 0): number {
  const number = Number(ATTRIBUTES[name].exec(attributes)?.[1]);
  if (!(number >= least)) throw new Error(`no valid ${name} among${attributes.slice(0, 80)}`);
  return number;
}
