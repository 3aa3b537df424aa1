import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load-config.ts';
import { nameOfSource, sourceOfName } from '../../../src/config/source-name.ts';
import { formatConfig } from '../../../src/config/write-config.ts';

const SCHEDULE = 'schedule:\n  daily: { interval: 1d, keep: 9 }\n';
const config = (...lines: readonly string[]): string =>
  `source:\n${lines.map((line) => `  ${line}\n`).join('')}${SCHEDULE}`;

describe('an image of Ceph as source', () => {
  it.each(['ceph-rbd', 'rbd'])('is of the type %s', (type) => {
    const { source } = parseConfig(config(`type: ${type}`, 'pool: rbd', 'image: web1'), 'config');
    expect(source).toEqual({ type: 'ceph-rbd', pool: 'rbd', image: 'web1' });
  });

  it('is written as it is read', () => {
    const source = {
      type: 'ceph-rbd',
      pool: 'rbd',
      namespace: 'tenant',
      image: 'web1',
      user: 'backy',
      conf: '/etc/ceph/ceph.conf',
      fullAlways: true,
      timeout: '2m',
      sampleRuns: 7,
    } as const;
    expect(parseConfig(formatConfig({ source }), 'config').source).toEqual(source);
    expect(nameOfSource(source)).toBe('rbd/tenant/web1');
  });

  it('is named by pool and image', () => {
    expect(sourceOfName('ceph-rbd', 'rbd/web1')).toEqual({ type: 'ceph-rbd', pool: 'rbd', image: 'web1' });
    expect(() => sourceOfName('ceph-rbd', 'web1')).toThrow(
      expect.objectContaining({ code: 'BACKY_SOURCE_NAME' }),
    );
  });

  it.each([
    ['pool: a/b', 'config:3:9: source.pool is "a/b"; expected a name without / and @'],
    ['pool: rbd@s', 'expected a name without / and @'],
    ['user: --help', 'source.user is "--help"; expected the name of a user, without "client."'],
    ['conf: ceph.conf', 'source.conf is "ceph.conf"; expected the absolute path of a ceph.conf'],
    ['full-always: yes', 'source.full-always is "yes"; expected true or false'],
    ['timeout: soon', 'source.timeout is "soon"; expected a duration'],
    ['timeout: 0', 'source.timeout is 0; expected a duration'],
    ['sample-runs: 0', 'source.sample-runs is 0; expected a whole number of runs'],
    ['full_always: true', 'source has the key "full_always"; expected the key "full-always"'],
  ])('is refused with %s', (line, says) => {
    const pool = line.startsWith('pool') ? [line] : ['pool: rbd', line];
    const text = config('type: ceph-rbd', ...pool, 'image: web1');
    expect(() => parseConfig(text, 'config')).toThrow(says);
  });
});
