import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../../src/repository/layout.ts';
import { parseLegacyText, readLegacyRecord } from '../../../src/repository/legacy-record.ts';
import { type RevisionList, readRevisions } from '../../../src/repository/read-revisions.ts';
import { parseRecord } from '../../../src/repository/record.ts';
import { formatRecord } from '../../../src/repository/sealed-record.ts';
import { makeRecord } from '../records.ts';
import { scratchDirectory } from '../scratch.ts';

const ID = 'asErgTHJaw2WmhFbBVxEPB';
const VALID = `parent: VVdT3ssCcRmGfnVUoQRrfM
stats: {bytes_written: 4096, duration: 13.5}
tags: [daily]
timestamp: 2016-05-18 10:07:53.707543+00:00
trust: trusted
uuid: ${ID}
`;

/** Returns the contents of a repository with this record and an image of 100 bytes. */
async function read(
  text: string,
  image: 'file' | 'none' | 'link' | 'directory' = 'file',
): Promise<RevisionList> {
  const directory = scratchDirectory();
  const path = join(directory, ID);
  writeFileSync(`${path}.rev`, text);
  if (image === 'file') writeFileSync(path, 'x'.repeat(100));
  if (image === 'link') symlinkSync('/etc/passwd', path);
  if (image === 'directory') mkdirSync(path);
  return readRevisions(layoutOf(directory));
}

async function complaint(text: string, image?: Parameters<typeof read>[1]): Promise<string | undefined> {
  const { revisions, damaged, incomplete } = await read(text, image);
  expect([revisions, incomplete]).toEqual([[], []]);
  return damaged[0]?.reason;
}

describe('a record of the Python backy', () => {
  it('becomes one of ours, with unknown facts left open', async () => {
    expect(await read(VALID)).toEqual({
      revisions: [
        {
          formatVersion: 1,
          uuid: ID,
          timestamp: '2016-05-18T10:07:53.707543Z',
          parent: 'VVdT3ssCcRmGfnVUoQRrfM',
          tags: ['daily'],
          trust: 'trusted',
          size: 100,
          digest: null,
          blockSize: null,
          source: { type: 'unknown' },
          consistency: 'crash',
          stats: {
            bytes_written: 4096,
            duration: 13.5,
            bytesRead: 0,
            bytesWritten: 4096,
            bytesChanged: 0,
            bytesZero: 0,
            method: 'unknown',
            sharing: 'unknown',
          },
          verifiedAt: null,
        },
      ],
      damaged: [],
      unreadable: [],
      incomplete: [],
      unrecorded: [],
      foreign: [],
    });
  });

  it('keeps unknown keys in our format, and reads the same afterwards', async () => {
    const text = `# edit with care\n---\n${VALID}orig_tags: [a]\nserver: paris\nfuture: {x: [1, null]}\n`;
    const [record = expect.unreachable()] = (await read(text)).revisions;
    const written = formatRecord(record);
    expect(JSON.parse(written)).toMatchObject({
      orig_tags: ['a'],
      server: 'paris',
      future: { x: [1, null] },
    });
    expect(parseLegacyText(written)).toBeUndefined();
    expect(parseRecord(written, ID)).toEqual(record);
  });

  it('of March 2014 keeps the checksum of its image under a name of its own', async () => {
    const text = `{"uuid": "${ID}", "timestamp": 1396425600.5, "checksum": "e4d9", "parent": null, "type": "full"}`;
    const [record = expect.unreachable()] = (await read(text)).revisions;
    expect(JSON.parse(formatRecord(record))).toMatchObject({
      imageChecksum: 'e4d9',
      checksum: expect.stringMatching(/^sha256-/),
    });
  });

  it.each([
    ['timestamp: 1398420471.061923', { timestamp: '2014-04-25T10:07:51.061923Z' }],
    ['timestamp: 1398420471', { timestamp: '2014-04-25T10:07:51.000000Z' }],
    ["timestamp: '2016-05-18T10:07:53Z'", { timestamp: '2016-05-18T10:07:53Z' }],
    ['timestamp: 2016-05-18 10:07:53', { timestamp: '2016-05-18T10:07:53Z' }],
    ['timestamp: 2016-05-18 10:07:53.5+02:00', { timestamp: '2016-05-18T08:07:53.5Z' }],
    ["parent: ''", { parent: null }],
    ['parent:', { parent: null }],
    ['parent: null', { parent: null }],
    ['trust: verified', { trust: 'verified' }],
    ['trust:', { trust: 'trusted' }],
    ['tags: []', { tags: [] }],
    ['tags:', { tags: [] }],
    ["tags: ['manual:vor dem Umzug']", { tags: ['manual:vor dem Umzug'] }],
    ['server:', { server: '' }],
    ['stats: {duration: 1}', { stats: expect.objectContaining({ bytesWritten: 0 }) }],
    ['backend_type: cowfile', { backend_type: 'cowfile' }],
  ])('with %s', async (line, expected) => {
    const [key = ''] = line.split(':');
    const others = VALID.split('\n').filter((each) => !each.startsWith(`${key}:`));
    expect((await read([...others, line].join('\n'))).revisions).toMatchObject([expected]);
  });

  it.each([
    ['"tag": "daily"', ['daily']],
    ['"tags": ["a", "b"], "tag": "old"', ['a', 'b']],
    ['"tags": "", "tag": "old"', ['old']],
    ['"tags": []', []],
    ['"other": 1', ['manual:untagged']],
  ])('of 2014 with %s has the tags %j', async (tags, expected) => {
    const text = `{"uuid": "${ID}", "timestamp": 1398420471, "parent": null, "stats": {"duration": 1}, ${tags}}`;
    expect((await read(text)).revisions[0]?.tags).toEqual(expected);
  });

  it.each([
    ['stats: {bytes_written: 0}', 'duration'],
    ['stats: {}', 'duration'],
    ['type: full', 'checksum'],
    ["type: full\nchecksum: ''", 'checksum'],
  ])('with %s never finished, image or not', async (line, missing) => {
    const text = VALID.replace(/stats: .*/, line);
    for (const image of ['file', 'none'] as const)
      expect(await read(text, image)).toEqual({
        revisions: [],
        damaged: [],
        unreadable: [],
        incomplete: [{ uuid: ID, reason: `its backup never finished: the record has no ${missing}` }],
        unrecorded: [],
        foreign: [],
      });
  });
});

describe('a hostile record', () => {
  it.each([
    [/uuid: .*/, 'uuid: VVdT3ssCcRmGfnVUoQRrfM', /uuid is "VVdT/],
    [/uuid: .*/, 'uuid: ../../../../etc/passwd', /uuid is /],
    [/uuid: .*/, '', /uuid is missing/],
    [/parent: .*/, 'parent: ../../../../etc/passwd', /parent is /],
    [/timestamp: .*/, 'timestamp: yesterday', /timestamp is "yesterday"/],
    [/timestamp: .*/, 'timestamp: 1.0e+300', /timestamp is 1e\+300/],
    [/timestamp: .*/, 'timestamp: .inf', /timestamp is Infinity/],
    [/timestamp: .*/, 'timestamp: -1', /timestamp is -1/],
    [/timestamp: .*/, 'timestamp: 2016-99-99 10:00:00', /timestamp is /],
    [/timestamp: .*/, '', /timestamp is missing/],
    [/duration: [\d.]*/, 'duration: .nan', /stats\.duration is NaN/],
    [/duration: [\d.]*/, 'duration: -1', /stats\.duration is -1/],
    [/duration: [\d.]*/, 'duration: x', /stats\.duration is "x"/],
    [/bytes_written: \d*/, 'bytes_written: 99999999999999999999', /bytesWritten is 100000000000000000000/],
    [/stats: .*/, 'stats:', /stats is null/],
    [/stats: .*/, 'stats: [1]', /stats is a list/],
    [/stats: .*/, '', /expected one of: full|type is missing/],
    [/stats: .*/, 'type: delta\nchecksum: x', /a delta of March 2014/],
    [/tags: .*/, 'tags: {a: 1}', /tags is an object/],
    [/trust: .*/, 'trust: me', /trust is "me"/],
    [/$/, 'server: [1]\n', /server is a list/],
    [/$/, 'backend_type: tape\n', /backend_type is "tape"/],
    [/$/, 'digest: x\n', /JSON/],
    [/$/, 'uuid: again\n', /JSON/],
    [/$/, 'x: !!python/object/apply:os.system [id]\n', /JSON/],
    [/$/, `deep: ${'['.repeat(30)}${']'.repeat(30)}\n`, /nested less deeply/],
    [/$/, `deep: ${'['.repeat(100_000)}\n`, /JSON/],
    [/$/, 'loop: &a [*a]\n', /nested less deeply/],
    [
      /$/,
      `${[1, 2, 3, 4, 5, 6].map((n) => `a${n}: &a${n} [${Array(9).fill(n > 1 ? `*a${n - 1}` : 'x')}]`).join('\n')}\n`,
      /JSON/,
    ],
  ])('is damaged, not believed and not removed: %s -> %s', async (from, to, expected) => {
    expect(await complaint(VALID.replace(from, to))).toMatch(expected);
  });

  it.each(['none', 'link', 'directory'] as const)('has no image to rely on: %s', async (image) => {
    expect(await complaint(VALID, image)).toMatch(/its image is (missing|not a plain file)/);
  });

  it('ignores inherited properties', async () => {
    const without = VALID.replace(/trust: .*\n/, '');
    const [record = expect.unreachable()] = (
      await read(`${without}__proto__: {trust: distrusted, hold: 1}\n`)
    ).revisions;
    expect(record.trust).toBe('trusted');
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
  });

  it('of ours without its format version does not count as one of the Python backy', async () => {
    const { formatVersion: _, ...rest } = makeRecord({ uuid: ID });
    expect(await complaint(JSON.stringify(rest))).toMatch(/formatVersion is missing/);
  });

  it('is always exactly one revision', async () => {
    const broken = fc
      .tuple(fc.nat(VALID.length), fc.nat(8), fc.string({ maxLength: 8 }))
      .map(([at, length, insert]) => VALID.slice(0, at) + insert + VALID.slice(at + length));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), broken), async (text) => {
        const { revisions, damaged, incomplete } = await read(text);
        expect(revisions.length + damaged.length + incomplete.length).toBe(1);
        const [record] = revisions;
        if (record) expect(parseRecord(formatRecord(record), ID)).toEqual(JSON.parse(JSON.stringify(record)));
      }),
      { numRuns: 200 },
    );
  });

  it('makes a repository chunked only under its own name', () => {
    const value = parseLegacyText(VALID) ?? expect.unreachable();
    expect(readLegacyRecord({ ...value, backend_type: 'chunked' }, ID, () => 0)).toEqual({ kind: 'chunked' });
    expect(() =>
      readLegacyRecord({ ...value, backend_type: 'chunked' }, 'VVdT3ssCcRmGfnVUoQRrfM', () => 0),
    ).toThrow('backend_type is "chunked"');
  });
});
