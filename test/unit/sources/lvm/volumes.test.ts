import { describe, expect, it } from 'vitest';
import { isThin, parseVolumes } from '../../../../src/sources/lvm/volumes.ts';
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

  it('tells active from inactive, writable from read-only, overflowed from sound', () => {
    expect(fixtureVolume(`web-1.backy-${OLDER}`)).toMatchObject({ isActive: false, isReadOnly: true });
    expect(fixtureVolume('web-1')).toMatchObject({ isActive: true, isReadOnly: false, isInvalid: false });
    expect(fixtureVolume('db.old')).toMatchObject({ origin: 'db', isInvalid: true });
  });

  it('has a volume in two pieces once', () => {
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
  ])('refuses a report with %s changed to %s', (from, to) => {
    const report = fixture('volumes.json');
    expect(report).toContain(from);
    expect(() => parseVolumes(report.replace(from, to))).toThrow(/report\.0\.lv\.\d+\.\w+ is/);
  });
});

it('takes for thin what is in a pool, and not the pool', () => {
  const thin = fixtureVolumes().filter(isThin);
  expect(thin.map(({ name }) => name)).toEqual([
    'web-1',
    `web-1.backy-${OLDER}`,
    `web-1.backy-${NEWER}`,
    'web-1.mine',
  ]);
});
