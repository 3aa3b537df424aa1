import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createThinDeltaReader,
  type Extent,
  MOST_RANGES,
  type ThinPair,
} from '../../../../src/sources/lvm/thin-delta.ts';
import { fixture } from './fixtures.ts';

const KIB = 1024;
const BLOCK = 64 * KIB;
const pair = { left: 2, right: 3 };
const delta = fixture('delta.xml');

function read(pieces: readonly string[], expected: ThinPair = pair): readonly Extent[] {
  const reader = createThinDeltaReader(expected);
  pieces.forEach(reader.feed);
  return reader.finish();
}

describe('the reader of thin_delta', () => {
  it('takes everything but equal ranges for changed', () => {
    expect(read([delta])).toEqual([
      { offset: 4 * BLOCK, length: 3 * BLOCK },
      { offset: 16 * BLOCK, length: 16 * BLOCK },
      { offset: 100 * BLOCK, length: 2 * BLOCK },
    ]);
  });

  it('finds nothing where nothing changed', () => {
    expect(read([fixture('no-delta.xml')], { left: 3, right: 3 })).toEqual([]);
  });

  it('reads the output of version 1, which has more details about the pool', () => {
    const newer = delta.replace('data_block_size', 'version="2" data_block_size');
    expect(read([newer])).toEqual(read([delta]));
  });

  it('joins ranges with a gap smaller than a block of the index', () => {
    const near = delta
      .replace('begin="7" length="9"', 'begin="7" length="3"')
      .replace('begin="16" length="16"', 'begin="10" length="22"');
    expect(read([near])).toEqual([
      { offset: 4 * BLOCK, length: 28 * BLOCK },
      { offset: 100 * BLOCK, length: 2 * BLOCK },
    ]);
  });

  it('does not depend on how the text is split', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(delta.length)), (places) => {
        const cuts = [0, ...places.sort((a, b) => a - b), delta.length];
        expect(read(cuts.map((cut, number) => delta.slice(cuts[number - 1] ?? 0, cut)))).toEqual(
          read([delta]),
        );
      }),
    );
  });

  it('rejects an output that is truncated anywhere', () => {
    const complete = delta.trimEnd();
    for (let length = 0; length < complete.length; length += 1) {
      expect(() => read([complete.slice(0, length)]), complete.slice(0, length)).toThrow();
    }
  });

  it.each([
    ['left="2"', 'left="1"', 'it compares other volumes than 2 and 3'],
    ['right="3"', '', 'no valid right'],
    ['data_block_size="128"', 'data_block_size="0"', 'no valid block'],
    ['begin="16"', 'begin="15"', 'no valid begin'],
    ['begin="16"', 'begin="-1"', 'no valid begin'],
    ['begin="100"', 'begin="999999999999999"', 'beyond all volumes'],
    ['length="2"', 'length="0"', 'no valid length'],
    ['length="2"', '', 'no valid length'],
    ['<left_only', '<left_maybe', 'unexpected <left_maybe'],
    ['<diff', '<!-- --><diff', 'unexpected <!-- --'],
    ['</diff>', '</diff></diff>', 'unexpected </diff>'],
    ['</superblock>', '</superblock><superblock>', 'unexpected <superblock>'],
    ['</superblock>', '</superblock>more', 'cut off'],
  ])('rejects %s changed to %s', (from, to, says) => {
    expect(delta).toContain(from);
    expect(() => read([delta.replace(from, to)])).toThrow(says);
  });

  it('rejects a list that takes too much memory', () => {
    const reader = createThinDeltaReader(pair);
    const [frame = ''] = /^.*?<diff[^>]*>/s.exec(delta) ?? [];
    reader.feed(frame);
    const feed = (from: number, to: number): void => {
      for (let range = from; range < to; range += 1)
        reader.feed(`<different begin="${range * 8}" length="1"/>`);
    };
    feed(0, MOST_RANGES);
    expect(() => feed(MOST_RANGES, MOST_RANGES + 1)).toThrow('it lists more than 1,000,000 changed ranges');
  });

  it('rejects an element that never ends', () => {
    const reader = createThinDeltaReader(pair);
    expect(() => {
      for (let piece = 0; piece < 1000; piece += 1) reader.feed(`<superblock ${'x'.repeat(100)}`);
    }).toThrow('unexpected <superblock xxx');
  });

  it('covers exactly the changed blocks and small gaps between them', () => {
    const kinds = ['same', 'different', 'left_only', 'right_only'] as const;
    const range = fc.record({
      gap: fc.nat(5),
      kind: fc.constantFrom(...kinds),
      length: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(range), fc.constantFrom(128, 256, 2048), (ranges, sectors) => {
        const { text, blocks } = write(ranges, sectors);
        const extents = read([text]);
        const size = sectors * 512;
        const covers = (block: number): boolean =>
          extents.some(
            ({ offset, length }) => block * size >= offset && (block + 1) * size <= offset + length,
          );
        expect(blocks.filter((block) => !covers(block))).toEqual([]);
        const lengths = extents.reduce((sum, { length }) => sum + length, 0);
        const joints = blocks.length - extents.length;
        expect(lengths).toBeGreaterThanOrEqual(blocks.length * size);
        expect(lengths).toBeLessThanOrEqual(blocks.length * size + joints * 256 * KIB);
        expect(extents.every(({ offset }, number) => offset >= endOf(extents[number - 1]))).toBe(true);
      }),
    );
  });
});

function endOf(extent: Extent | undefined): number {
  return extent ? extent.offset + extent.length + 256 * KIB : 0;
}

interface Range {
  readonly gap: number;
  readonly kind: string;
  readonly length: number;
}

/** An output, and the blocks that it says have changed. */
function write(ranges: readonly Range[], sectors: number) {
  const blocks: number[] = [];
  let next = 0;
  const lines = ranges.map(({ gap, kind, length }) => {
    const begin = next + gap;
    next = begin + length;
    if (kind !== 'same') for (let block = begin; block < next; block += 1) blocks.push(block);
    return `    <${kind} begin="${begin}" length="${length}"/>\n`;
  });
  const head = `<superblock uuid="" time="1" transaction="2" data_block_size="${sectors}" nr_data_blocks="0">\n`;
  const text = `${head}  <diff left="2" right="3">\n${lines.join('')}  </diff>\n</superblock>\n`;
  return { text, blocks };
}
