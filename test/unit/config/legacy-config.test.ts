import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load-config.ts';
import { KEEP_ALL } from '../../../src/domain/schedule.ts';
import { isBackyError } from '../../../src/errors.ts';

const DAY_MS = 86_400_000;
const file = { type: 'file', filename: '/dev/vg0/vm' };
/** A configuration without a schedule: tags are due by default, and nothing expires. */
const unlimited = new Map([
  ['daily', { intervalMs: DAY_MS, keep: KEEP_ALL }],
  ['weekly', { intervalMs: 7 * DAY_MS, keep: KEEP_ALL }],
  ['monthly', { intervalMs: 30 * DAY_MS, keep: KEEP_ALL }],
]);
const daily = new Map([['daily', { intervalMs: DAY_MS, keep: 9 }]]);

function complaint(text: string): string {
  try {
    parseConfig(text, '/srv/vm/config');
  } catch (error) {
    if (isBackyError(error, 'BACKY_CONFIG_INVALID')) return error.message;
    throw error;
  }
  return 'valid';
}

describe('a configuration of the Python backy', () => {
  it.each([
    ['{"path": "/dev/vg0/vm", "chunksize": 4194304}', file, unlimited],
    ['{"path": "/dev/vg0/vm"}', file, unlimited],
    ['{"source": "/dev/vg0/vm", "chunksize": 4194304}', file, unlimited],
    [
      '{"source": {"filename": "/dev/vg0/vm"}, "source-type": "file", "schedule": {"daily": {"interval": "1d", "keep": 9}}}',
      file,
      daily,
    ],
    ['{"source": "/dev/vg0/vm", "source-type": "file"}', file, unlimited],
    ['{filename: /dev/vg0/vm, type: file}', file, unlimited],
    ['{backend: cowfile, cow: false, filename: /dev/vg0/vm, type: file}', file, unlimited],
    [
      'source: {type: file, filename: /dev/vg0/vm, backend: cowfile, cow: false}\nschedule: {daily: {interval: 1d, keep: 9}}',
      file,
      daily,
    ],
    [
      'path: .\nsource: {type: file, filename: /dev/vg0/vm}\nschedule: {daily: {interval: 86400, keep: 9}}',
      file,
      daily,
    ],
    [
      '{type: ceph-rbd, pool: rbd, image: vm.root, full-always: false}',
      { type: 'ceph-rbd', pool: 'rbd', image: 'vm.root', fullAlways: false },
      unlimited,
    ],
    [
      'source: {type: flyingcircus, vm: vm, pool: rbd, image: vm.root, consul_acl_token: x}\nschedule: {daily: {interval: 1d, keep: 9}}',
      { type: 'ceph-rbd', pool: 'rbd', image: 'vm.root' },
      daily,
    ],
    [
      'path: .\nsource: {type: rbd, pool: rbd, image: vm.root}\nschedule: {daily: {interval: 1d, keep: 9}}',
      { type: 'ceph-rbd', pool: 'rbd', image: 'vm.root' },
      daily,
    ],
    [
      '{"source": "rbd/vm.root", "source-type": "ceph-rbd", "schedule": {"daily": {"interval": "1d", "keep": 9}}}',
      { type: 'ceph-rbd', pool: 'rbd', image: 'vm.root' },
      daily,
    ],
  ])('loads: %s', (text, source, schedule) => {
    const config = parseConfig(text, 'config');
    expect(config).toMatchObject({ source, requireReflink: false });
    expect([...config.schedule]).toEqual([...schedule]);
  });

  it('may say 0 and mean all, in its own shapes alone', () => {
    const rule = 'schedule: {daily: {interval: 1d, keep: 0}}';
    const config = parseConfig(`source: {type: file, filename: x, backend: cowfile}\n${rule}`, 'config');
    expect(config.schedule.get('daily')).toEqual({ intervalMs: DAY_MS, keep: KEEP_ALL });
    expect(complaint(`source: {type: file, filename: x}\n${rule}`)).toMatch(
      /keep is 0; expected .* 1 or more/,
    );
  });

  it.each([
    ['{"path": "/dev/vg0/vm", "chunksizes": 4194304}', /has the key "chunksizes"; expected one of path,/],
    ['{"source": "/dev/vg0/vm", "source-type": "file", "scedule": {}}', /has the key "scedule"/],
    ['{filname: /dev/vg0/vm, type: file}', /has the key "filname"; expected the key "filename"/],
    ['{type: file}', /filename is missing/],
    ['{type: tape, filename: x}', /1:8: type is "tape"; expected one of: file/],
    ['source: {type: file, filename: x, cow: true, backnd: y}\nschedule: {}', /has the key "backnd"/],
    [
      'path: .\nsource: {type: file, filename: x}\nschedules: {}',
      /3:1: the document has the key "schedules"/,
    ],
    ['{"path": 7}', /filename is 7/],
    ['{"path": "a", "source": ["b"]}', /filename is a list/],
  ])('is no excuse for mistakes: %s', (text, expected) => {
    expect(complaint(text)).toMatch(expected);
  });

  it.each([
    'source: /dev/vg0/vm',
    'source: /dev/vg0/vm\nschedule: {daily: {interval: 1d, keep: 9}}',
    'source: {type: file, filename: x, backnd: cowfile}\nschedule: {}',
    'source: {type: file, filename: x}\nschedul: {}',
    'source: {type: file, filename: x}',
  ])('is not assumed for a mistake in our format: %s', (text) => {
    expect(complaint(text)).not.toBe('valid');
  });

  it.each([
    '{type: file, filename: x, backend: chunked}',
    'source: {type: file, filename: x, backend: chunked}\nschedule: {}',
  ])('for chunked storage is refused as such: %s', (text) => {
    expect(() => parseConfig(text, '/srv/vm/config')).toThrow(
      expect.objectContaining({ code: 'BACKY_CHUNKED_REPOSITORY', details: { path: '/srv/vm' } }),
    );
  });
});
