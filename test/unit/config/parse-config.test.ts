import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load-config.ts';
import { formatConfig } from '../../../src/config/write-config.ts';
import { isBackyError } from '../../../src/errors.ts';

const DAY_MS = 86_400_000;

const VALID = `source:
  type: file
  filename: /dev/vg0/vm
schedule:
  daily: { interval: 1d, keep: 9 }
  weekly:
    interval: 7d
    keep: 5
`;

/** Returns the message about a configuration that differs from the valid one in one place. */
function complaint(from: string | RegExp, to: string): string {
  const text = VALID.replace(from, to);
  expect(text).not.toBe(VALID);
  return complaintAbout(text);
}

function complaintAbout(text: string): string {
  try {
    parseConfig(text, 'config');
  } catch (error) {
    if (isBackyError(error, 'BACKY_CONFIG_INVALID')) return error.message;
    throw error;
  }
  return 'valid';
}

describe('parseConfig', () => {
  it('reads YAML', () => {
    expect(parseConfig(VALID, 'config')).toEqual({
      source: { type: 'file', filename: '/dev/vg0/vm' },
      schedule: new Map([
        ['daily', { intervalMs: DAY_MS, keep: 9 }],
        ['weekly', { intervalMs: 7 * DAY_MS, keep: 5 }],
      ]),
      requireReflink: false,
      graceMs: DAY_MS,
      sizeLimit: 2 ** 50,
    });
  });

  it('takes another limit of the size, below 8 PiB', () => {
    expect(parseConfig(`${VALID}size-limit: 4PiB\n`, 'config').sizeLimit).toBe(2 ** 52);
    for (const limit of ['8PiB', '0B', '4', 'none'])
      expect(complaintAbout(`${VALID}size-limit: ${limit}\n`)).toContain('expected a size with its unit');
  });

  it.each([
    ['2h', 7_200_000],
    ['90', 90_000],
    ['0', 0],
    ['"0"', 0],
  ])('takes %s as the time in which removed revisions can be brought back', (text, graceMs) => {
    expect(parseConfig(`${VALID}grace-time: ${text}\n`, 'config').graceMs).toBe(graceMs);
  });

  it('reads when slots begin, by the calendar of which time zone, in months and years', () => {
    const rules = "{ interval: 1mo, keep: 9, at: 3:30 }\n  yearly: { interval: 1y, keep: 2, at: '00:00' }";
    const text = `${VALID.replace('{ interval: 1d, keep: 9 }', rules)}time-zone: Europe/Berlin\n`;
    expect(parseConfig(text, 'config')).toMatchObject({
      timeZone: 'Europe/Berlin',
      schedule: new Map([
        ['daily', { intervalMs: 31 * DAY_MS, months: 1, keep: 9, atMs: 3.5 * 3_600_000 }],
        ['yearly', { intervalMs: 366 * DAY_MS, months: 12, keep: 2, atMs: 0 }],
        ['weekly', { intervalMs: 7 * DAY_MS, keep: 5 }],
      ]),
    });
  });

  it('reads how much of the machine a backup may take', () => {
    const config = parseConfig(`${VALID}rate: 50MiB\nidle: true\n`, 'config');
    expect(config).toMatchObject({ rate: 50 * 1024 ** 2, idle: true });
    const expected = 'expected a size with its unit, such as 50MiB, 512KiB or 1.5GiB';
    expect(complaintAbout(`${VALID}rate: 50\n`)).toBe(`config:9:7: rate is 50; ${expected}`);
    expect(complaintAbout(`${VALID}rate: 0MiB\n`)).toBe(`config:9:7: rate is "0MiB"; ${expected}`);
    expect(complaintAbout(`${VALID}idle: 7\n`)).toBe('config:9:7: idle is 7; expected true or false');
  });

  it('reads how a file is to be read', () => {
    const settings = 'type: file\n  snapshot: off\n  sample-runs: 7\n  allow-mounted: true';
    expect(parseConfig(VALID.replace('type: file', settings), 'config').source).toEqual({
      type: 'file',
      filename: '/dev/vg0/vm',
      snapshot: false,
      sampleRuns: 7,
      allowMounted: true,
    });
    for (const [word, snapshot] of [
      ['on', true],
      ['true', true],
      ['false', false],
    ] as const) {
      const text = VALID.replace('type: file', `type: file\n  snapshot: ${word}`);
      expect(parseConfig(text, 'config').source).toMatchObject({ snapshot });
    }
  });

  it('reads JSON, bare seconds, aliases and require-reflink', () => {
    const json =
      '{"source":{"type":"file","filename":"a"},"schedule":{"d":{"interval":3600,"keep":1}},"require-reflink":true}';
    expect(parseConfig(json, 'config')).toMatchObject({
      schedule: new Map([['d', { intervalMs: 3_600_000, keep: 1 }]]),
      requireReflink: true,
    });
    const aliased = VALID.replace(
      '{ interval: 1d, keep: 9 }',
      '&rule { interval: 1d, keep: 9 }\n  hourly: *rule',
    );
    expect(parseConfig(aliased, 'config').schedule.get('hourly')).toEqual({ intervalMs: DAY_MS, keep: 9 });
  });

  it.each([
    [
      '1d,',
      '1 day,',
      'config:5:22: schedule.daily.interval is "1 day"; expected a duration such as 30m, 12h, 1d, 2w, 1mo or 1y',
    ],
    [
      'keep: 9 }',
      "keep: 9, at: '24:00' }",
      `config:5:39: schedule.daily.at is "24:00"; expected a time of day such as '03:00'`,
    ],
    [
      'keep: 9 }',
      'keep: 9, at: 3 }',
      "config:5:39: schedule.daily.at is 3; expected a time of day such as '03:00'",
    ],
    [
      'schedule:',
      'time-zone: Europe/Berln\nschedule:',
      'config:4:12: time-zone is "Europe/Berln"; expected the time zone "Europe/Berlin"',
    ],
    [
      'schedule:',
      'time-zone: "+02:00"\nschedule:',
      'config:4:12: time-zone is "+02:00"; expected a time zone such as Europe/Berlin or UTC',
    ],
    [
      'schedule:',
      'time-zone: 2\nschedule:',
      'config:4:12: time-zone is 2; expected a time zone such as Europe/Berlin or UTC',
    ],
    [
      'keep: 5',
      'keep: 0',
      'config:8:11: schedule.weekly.keep is 0; expected a whole number of revisions, 1 or more',
    ],
    [
      'keep: 5',
      'keep: 1.5',
      'config:8:11: schedule.weekly.keep is 1.5; expected a whole number of revisions, 1 or more',
    ],
    [
      'keep: 5',
      'keep: .nan',
      'config:8:11: schedule.weekly.keep is NaN; expected a whole number of revisions, 1 or more',
    ],
    [
      'keep: 5',
      'keep:',
      'config:8:10: schedule.weekly.keep is null; expected a whole number of revisions, 1 or more',
    ],
    [
      'keep: 5',
      '"keep" : # of them',
      'config:8:13: schedule.weekly.keep is null; expected a whole number of revisions, 1 or more',
    ],
    [
      'keep: 5',
      'keep: &nine "9"\r\n',
      'config:8:17: schedule.weekly.keep is "9"; expected a whole number of revisions, 1 or more',
    ],
    ['keep: 5', 'kep: 5', 'config:8:5: schedule.weekly has the key "kep"; expected the key "keep"'],
    [
      '    keep: 5\n',
      '',
      'config:7:5: schedule.weekly.keep is missing; expected a whole number of revisions, 1 or more',
    ],
    ['type: file', 'type: nfs', 'config:2:9: source.type is "nfs"; expected one of: file, lvm, ceph-rbd'],
    [
      '/dev/vg0/vm',
      '[a]',
      'config:3:13: source.filename is a list; expected the path of a file or block device',
    ],
    ['/dev/vg0/vm', '""', 'config:3:13: source.filename is ""; expected the path of a file or block device'],
    [
      '  filename: /dev/vg0/vm\n',
      '',
      'config:2:3: source.filename is missing; expected the path of a file or block device',
    ],
    ['type: file', 'type: file\n  snapshot: no', 'config:3:13: source.snapshot is "no"; expected on or off'],
    [
      'type: file',
      'type: file\n  sample-runs: 0',
      'config:3:16: source.sample-runs is 0; expected a whole number of runs, 1 to 4294967295',
    ],
    [
      'type: file',
      'type: file\n  sample-runs: 4294967296',
      'config:3:16: source.sample-runs is 4294967296; expected a whole number of runs, 1 to 4294967295',
    ],
    [
      'type: file',
      'type: file\n  allow-mount: true',
      'config:3:3: source has the key "allow-mount"; expected the key "allow-mounted"',
    ],
    ['source:', 'sources:', 'config:1:1: the document has the key "sources"; expected the key "source"'],
    [
      /schedule:[\s\S]*/,
      'schedule: daily\n',
      'config:4:11: schedule is "daily"; expected a rule by tag, such as daily: { interval: 1d, keep: 9 }',
    ],
    [
      /$/,
      'grace-time: never\n',
      'config:9:13: grace-time is "never"; expected a duration such as 30m, 12h, 1d or 2w',
    ],
    [/$/, 'require-reflink: yes\n', 'config:9:18: require-reflink is "yes"; expected true or false'],
    [
      /$/,
      '__proto__: 1\n',
      'config:9:1: the document has the key "__proto__"; expected one of source, schedule, time-zone, require-reflink, grace-time, size-limit, rate, idle',
    ],
  ])('gives place and reason: %s -> %s', (from, to, expected) => {
    expect(complaint(from, to)).toBe(expected);
  });

  it.each([
    ['  type: file', '\ttype: file', /^config:2:1: tab characters must not be used/],
    ['{ interval: 1d, keep: 9 }', '{ interval: 1d, keep: 9', /^config:6:3: deficient indentation/],
    ['keep: 5', 'keep: 5\n    keep: 6', /^config:9:5: duplicated mapping key/],
    ['keep: 5', 'keep: !!js/function x', /^config:8:11: unknown scalar tag/],
    ['keep: 5', 'keep: *nothing', /^config:8:12: unidentified alias/],
    [/[\s\S]*/, '', /^config:1:1: the document is null/],
    [/$/, '---\nsource: {}\n', /^config:1:1: there is more than one document/],
    [/[\s\S]*/, '- a\n', /^config:1:1: the document is a list/],
  ])('reports invalid YAML: %s -> %s', (from, to, expected) => {
    expect(complaint(from, to)).toMatch(expected);
  });

  it('is not blown up by aliases of aliases', () => {
    const levels = Array.from(
      { length: 30 },
      (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(',')}]`,
    );
    expect(complaintAbout(['a0: &a0 x', ...levels].join('\n'))).toMatch(/^config:13:18: aliases exceeded/);
  });

  it('answers any text with a configuration or a complaint that has a position', () => {
    const broken = fc
      .tuple(fc.nat(VALID.length), fc.nat(8), fc.string({ maxLength: 8 }))
      .map(([at, length, insert]) => VALID.slice(0, at) + insert + VALID.slice(at + length));
    fc.assert(
      fc.property(fc.oneof(fc.string(), broken), (text) => {
        expect(complaintAbout(text)).toMatch(/^(valid$|config:[1-9]\d*:[1-9]\d*: .)/);
      }),
    );
  });
});

describe('a logical volume as source', () => {
  const lvm = VALID.replace(
    'type: file\n  filename: /dev/vg0/vm',
    'type: lvm\n  volume-group: vg0\n  volume: web1',
  );

  it('needs no more than its name', () => {
    expect(parseConfig(lvm, 'config').source).toEqual({ type: 'lvm', volumeGroup: 'vg0', volume: 'web1' });
  });

  it('is written as it is read', () => {
    const source = {
      type: 'lvm',
      volumeGroup: 'vg-0',
      volume: 'a.b',
      snapshotSize: '20G',
      sampleRuns: 7,
    } as const;
    const text = formatConfig({ source });
    expect(text).toContain('\n  volume-group: vg-0\n  volume: a.b\n  snapshot-size: 20G\n  sample-runs: 7\n');
    expect(parseConfig(text, 'config').source).toEqual(source);
  });

  it.each([
    ['vg0', '--help', 'config:3:17: source.volume-group is "--help"; expected a name that LVM takes'],
    ['web1', '../sda', 'config:4:11: source.volume is "../sda"; expected a name that LVM takes'],
    ['  volume: web1\n', '', 'config:2:3: source.volume is missing; expected a name that LVM takes'],
    [
      'web1',
      'web1\n  snapshot-size: 5',
      'config:5:18: source.snapshot-size is 5; expected a share of the volume',
    ],
    [
      'web1',
      'web1\n  snapshot-size: 0%',
      'config:5:18: source.snapshot-size is "0%"; expected a share of the volume',
    ],
    [
      'web1',
      'web1\n  sample-runs: 0',
      'config:5:16: source.sample-runs is 0; expected a whole number of runs',
    ],
    ['volume:', 'volum:', 'config:4:3: source has the key "volum"; expected the key "volume"'],
  ])('is refused with %s changed to %s', (from, to, says) => {
    expect(complaintAbout(lvm.replace(from, to))).toContain(says);
  });
});

describe('formatConfig', () => {
  const source = { type: 'file', filename: '/dev/vg0/vm' } as const;

  it('writes the default schedule', () => {
    expect(formatConfig({ source })).toBe(`# What backy backs up into this directory, and when.

source:
  type: file
  filename: /dev/vg0/vm
schedule:
  daily: { interval: 1d, keep: 9 }
  weekly: { interval: 7d, keep: 5 }
  monthly: { interval: 30d, keep: 4 }
`);
  });

  it('writes a text that it can read again, for all names', () => {
    const tag = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,20}$/);
    const rule = fc.record({
      interval: fc.constantFrom('1d', '90', 90, '2w'),
      keep: fc.integer({ min: 1, max: 99 }),
    });
    const filename = fc.string({ minLength: 1, unit: 'binary' }).filter((name) => !name.includes('\0'));
    fc.assert(
      fc.property(filename, fc.dictionary(tag, rule), fc.boolean(), (name, schedule, requireReflink) => {
        const more = requireReflink ? { snapshot: false, sampleRuns: 4, allowMounted: true } : {};
        const source = { type: 'file', filename: name, ...more } as const;
        const text = formatConfig({ source, schedule, requireReflink });
        const config = parseConfig(text, 'config');
        expect(config.source).toEqual(source);
        expect(config.requireReflink).toBe(requireReflink);
        expect([...config.schedule.keys()]).toEqual(Object.keys(schedule));
        expect([...config.schedule.values()].map(({ keep }) => keep)).toEqual(
          Object.values(schedule).map(({ keep }) => keep),
        );
      }),
    );
  });
});

it('checks the tags of a configuration that backy wrote, and takes those of any other as they are', () => {
  const names = ['', '-daily', 'täglich', 'a,b', 'every day', 'constructor', '2014', 'x'.repeat(300)];
  for (const name of names) {
    const schedule = { [name]: { interval: '1d', keep: 3 } };
    const config = { source: { type: 'file', filename: '/dev/vg0/vm' }, schedule };
    expect([...parseConfig(JSON.stringify(config), 'config').schedule.keys()]).toEqual([name]);
  }
  const text = formatConfig({
    source: { type: 'file', filename: '/dev/vg0/vm' },
    schedule: { '-daily': { interval: '1d', keep: 3 } },
  });
  expect(complaintAbout(text)).toMatch(
    /^config:\d+:3: schedule has the key "-daily"; expected a tag of letters/,
  );
});
