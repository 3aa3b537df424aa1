import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../../../src/domain/shape.ts';
import { isThin, parseVolumes, type Volume } from '../../../../src/sources/lvm/volumes.ts';
import { fixture, fixtureVolume, fixtureVolumes, NEWER, OLDER, TAG } from './fixtures.ts';

describe('parseVolumes', () => {
  it('reads a thin snapshot', () => {
    expect(fixtureVolume(`web-1.backy-${NEWER}`)).toEqual({
      name: `web-1.backy-${NEWER}`,
      size: 67_108_864,
      layout: ['thin', 'sparse'],
      role: ['public', 'snapshot', 'thinsnapshot'],
      pool: 'pool',
      origin: 'web-1',
      thinId: '3',
      tags: [TAG],
      isActive: true,
      isReadOnly: true,
      isInvalid: false,
    });
  });

  it('distinguishes active, read-only and overflowed volumes', () => {
    expect(fixtureVolume(`web-1.backy-${OLDER}`)).toMatchObject({ isActive: false, isReadOnly: true });
    expect(fixtureVolume('web-1')).toMatchObject({ isActive: true, isReadOnly: false, isInvalid: false });
    expect(fixtureVolume('db.old')).toMatchObject({ origin: 'db', isInvalid: true });
  });

  it('lists a volume with two segments once', () => {
    expect(fixture('volumes.json').split('"lv_name":"db",')).toHaveLength(3);
    expect(fixtureVolumes().filter(({ name }) => name === 'db')).toMatchObject([{ size: 16_777_216 }]);
  });

  it.each(['', '{}', '[]', '{"report":[]}', '{"report":[{"lv":[{}]}]}', '{"report":[{"lv":[null]}]}'])(
    'refuses %s',
    (report) => {
      expect(() => parseVolumes(report)).toThrow();
    },
  );

  it.each([
    ['"67108864"', '"64.00m"'],
    ['"67108864"', '67108864'],
    ['"thin_id":"3"', '"thin_id":"-3"'],
    ['"lv_tags"', '"tags"'],
  ])('rejects a report with %s changed to %s', (from, to) => {
    const report = fixture('volumes.json');
    expect(report).toContain(from);
    expect(() => parseVolumes(report.replace(from, to))).toThrow(/report\.0\.lv\.\d+\.\w+ is/);
  });
});

it('reads valid volumes from a damaged report, or fails', () => {
  const report = fixture('volumes.json');
  const damaged = fc
    .tuple(fc.nat(report.length), fc.nat(40), fc.string({ maxLength: 8 }))
    .map(([at, length, insert]) => report.slice(0, at) + insert + report.slice(at + length));
  fc.assert(
    fc.property(damaged, (text) => {
      for (const { size, thinId } of read(text)) {
        expect(Number.isSafeInteger(size) && size >= 0).toBe(true);
        expect(thinId).toMatch(/^\d*$/);
      }
    }),
  );
});

/** The volumes of a report; none when it is refused for what it says. */
function read(report: string): readonly Volume[] {
  try {
    return parseVolumes(report);
  } catch (error) {
    expect(error instanceof ShapeError || error instanceof SyntaxError, String(error)).toBe(true);
    return [];
  }
}

it('takes volumes in a pool for thin, but not the pool', () => {
  const thin = fixtureVolumes().filter(isThin);
  expect(thin.map(({ name }) => name)).toEqual([
    'web-1',
    `web-1.backy-${OLDER}`,
    `web-1.backy-${NEWER}`,
    'web-1.mine',
  ]);
});
