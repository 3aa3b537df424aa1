import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load-config.ts';
import { KEEP_ALL } from '../../../src/domain/schedule.ts';
import { isBackyError } from '../../../src/errors.ts';
import { loadServiceConfig } from '../../../src/service/config/load-service-config.ts';
import { configOf } from '../../../src/service/config/prepare-repository.ts';
import { scratchDirectory } from '../scratch.ts';

const HOUR = 3_600_000;

function write(text: string, more: Readonly<Record<string, string>> = {}): string {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'backy.d'));
  for (const [name, content] of Object.entries(more)) writeFileSync(join(directory, name), content);
  const path = join(directory, 'backy.conf');
  writeFileSync(path, text);
  return path;
}

function problemOf(path: string): string {
  try {
    loadServiceConfig(path);
    return '';
  } catch (error) {
    if (!isBackyError(error, 'BACKY_CONFIG_INVALID')) throw error;
    return error.message.replace(/^.*\/(?=[^/:]+:\d)/, '');
  }
}

const FULL = `
global:
  base-dir: /srv/backy/
  worker-limit: {fast: 4, slow: 2}
  status-file: /run/backy-status
  status-interval: 10
  time-zone: Europe/Berlin
  include: backy.d/*.yml
  require-reflink: true
schedules:
  default:
    daily: {interval: 1d, keep: 9, at: '03:00'}
    monthly: {interval: 1mo, keep: 0}
windows:
  night: {from: '21:00', to: '06:00', stop: cancel}
limits: {'ceph:rbd': 4, 'disk:8:16': 1}
notify:
  - {when: [failed, recovered], type: webhook, url: 'https://example.com/hook', secret: s}
  - {type: sendmail, to: ops@example.com}
api:
  listen: ['/run/backy/api.sock', '127.0.0.1:6023']
  tokens:
    ${'a'.repeat(64)}: {name: grafana, role: read}
jobs:
  web1:
    schedule: default
    source: {type: file, filename: /images/web1.img}
    window: night
    sla: {daily: 30h}
    verify: 30d
    hooks: {before: /bin/sync, after: [/usr/bin/logger, done with it]}
    rate: 50MiB
`;

describe('the configuration of the service', () => {
  it('is read with all its settings', () => {
    const config = loadServiceConfig(
      write(FULL, {
        'backy.d/more.yml':
          'jobs: {db1: {schedule: default, source: {type: lvm, volume-group: vg, volume: db}}}',
      }),
    );
    expect(config).toMatchObject({
      baseDirectory: '/srv/backy',
      statusFile: '/run/backy-status',
      statusIntervalMs: 10_000,
      workers: { fast: 4, slow: 2 },
      windows: new Map([['night', { fromMs: 21 * HOUR, toMs: 6 * HOUR, stop: 'cancel' }]]),
      limits: new Map([
        ['ceph:rbd', 4],
        ['disk:8:16', 1],
      ]),
      warnings: [],
    });
    expect(config.notify).toMatchObject([
      { name: 'webhook-1', when: ['failed', 'recovered'], channel: { type: 'webhook', secret: 's' } },
      { name: 'sendmail-2', channel: { to: 'ops@example.com' } },
    ]);
    expect(config.api).toMatchObject({
      socket: '/run/backy/api.sock',
      statusSocket: '/run/backy/status.sock',
      addresses: [{ host: '127.0.0.1', port: 6023 }],
      tokens: new Map([['a'.repeat(64), { name: 'grafana', role: 'read' }]]),
    });
    expect([...config.jobs.keys()]).toEqual(['web1', 'db1']);
    expect(config.jobs.get('web1')).toMatchObject({
      directory: '/srv/backy/web1',
      window: 'night',
      verifyMs: 30 * 24 * HOUR,
      sla: new Map([
        ['daily', 30 * HOUR],
        ['monthly', 1.5 * 31 * 24 * HOUR],
      ]),
      hooks: { before: ['/bin/sync'], after: ['/usr/bin/logger', 'done with it'] },
      rate: 50 * 2 ** 20,
      requireReflink: true,
      timeZone: 'Europe/Berlin',
    });
  });

  it('becomes the configuration of a repository that means the same', () => {
    const { jobs } = loadServiceConfig(write(FULL));
    const job = jobs.get('web1');
    if (!job) throw new Error('no job');
    const config = parseConfig(configOf(job), '/r/config');
    expect(config).toMatchObject({
      source: { type: 'file', filename: '/images/web1.img' },
      timeZone: 'Europe/Berlin',
      requireReflink: true,
      rate: 50 * 2 ** 20,
      graceMs: 24 * HOUR,
    });
    expect(config.schedule).toEqual(job.schedule);
    expect(config.schedule.get('monthly')).toMatchObject({ months: 1, keep: KEEP_ALL });
  });

  it.each([
    [
      '2.0',
      `
global: {base-dir: /srv/backy, worker-limit: 3}
schedules: {frequent: {hourly: {interval: 1h, keep: 25}, '': {interval: 86400, keep: 1}}}
jobs: {test01: {source: {type: file, filename: /dev/x}, schedule: frequent}}`,
      [],
    ],
    [
      '2.5',
      `
global:
  base-dir: /srv/backy
  worker-limit: 3
  status-file: /var/lib/backy/status
  telnet-addrs: '::1, 127.0.0.1'
  telnet-port: 6023
  backup-completed-callback: /usr/bin/fc-callback
schedules: {default: {daily: {interval: 1d, keep: 9}}}
jobs:
  test01:
    source: {type: flyingcircus, consul_acl_token: secret, image: test01.root, pool: rbd.ssd, vm: test01, backend: cowfile}
    schedule: default`,
      ['telnet-addrs', 'telnet-port', 'consul_acl_token', 'vm', 'backend'],
    ],
    [
      'HEAD',
      `
global: {base-dir: /srv/backy}
api:
  addrs: '127.0.0.1, ::1'
  port: 6023
  tokens: {secret-token: test-server}
  cli-default: {token: secret-token}
peers: {test-server2: {url: 'http://test', token: x}}
schedules: {default: {daily: {interval: 1d, keep: 9}}}
jobs: {test01: {schedule: default, source: {type: rbd, pool: rbd, image: test01.root}}}`,
      ['peers', 'addrs', 'port', 'cli-default', 'token 1 in clear text'],
    ],
  ])('of the Python backy %s loads, and says what has no effect', (_, text, expected) => {
    const { jobs, warnings } = loadServiceConfig(write(text));
    expect([...jobs.keys()]).toEqual(['test01']);
    expect(warnings.length).toBe(expected.length);
    for (const part of expected) expect(warnings.join('\n')).toContain(part);
    expect(warnings.join('\n')).not.toContain('secret');
  });

  it.each([
    ['global: {}', 'backy.conf:1:9: global.base-dir is missing'],
    ['global: {base-dir: srv}', 'backy.conf:1:20: global.base-dir is "srv"'],
    [
      'global: {base-dir: /s, worker-limt: 2}',
      'backy.conf:1:24: global has the key "worker-limt"; expected the key "worker-limit"',
    ],
    ['global: {base-dir: /s, worker-limit: 0}', 'worker-limit is 0'],
    ['global: {base-dir: /s}\njobs: {../x: {}}', 'backy.conf:2:8: jobs has the key "../x"'],
    ['global: {base-dir: /s}\njobs: {status: {}}', 'the service has a file of that name'],
    ['global: {base-dir: /s}\njobs: {a: {schedule: x}}', 'backy.conf:2:22: jobs.a.schedule is "x"'],
    [
      'global: {base-dir: /s}\nschedules: {default: {}}\njobs: {a: {schedule: defualt}}',
      'expected the schedule "default"',
    ],
    ['global: {base-dir: /s}\nlimits: {ceph: 3}', 'limits has the key "ceph"'],
    ['global: {base-dir: /s}\nnotify: [{type: webhook, url: ftp://x}]', 'a URL that begins with https://'],
    ['global: {base-dir: /s}\napi: {listen: host}', 'backy.conf:2:15: api.listen'],
    ['global: {base-dir: /s, include: /a/*/b.yml}', 'with * in the last part only'],
    ['jobs: [', 'backy.conf:'],
    ["global: {base-dir: /s}\njobs: {'-rf': {}}", 'backy.conf:2:8: jobs has the key "-rf"'],
    [
      'global: {base-dir: /s}\nnotify:\n  - {type: ping, url: https://x}\n  - {type: ping, url: 3}',
      'backy.conf:4:23: notify.1.url is 3',
    ],
    ['global: {base-dir: /s}\napi:\n  listen:\n    - /a\n    - "b c"', 'backy.conf:5:7: api.listen.1'],
  ])('refuses %s with its place', (text, expected) => {
    expect(problemOf(write(text))).toContain(expected);
  });

  it('says once what has no effect, for however many jobs', () => {
    const source = '{type: flyingcircus, pool: rbd, image: a, vm: a, consul_acl_token: s}';
    const jobs = Array.from(
      { length: 300 },
      (_, index) => `  vm${index}: {schedule: d, source: ${source}}\n`,
    );
    const main = 'global: {base-dir: /s}\nschedules: {d: {daily: {interval: 1d, keep: 2}}}\njobs:\n';
    expect(loadServiceConfig(write(main + jobs.join(''))).warnings).toEqual([
      'jobs.*.source.vm has no effect: the guest is not asked to freeze its filesystems',
      'jobs.*.source.consul_acl_token has no effect: the guest is not asked to freeze its filesystems',
    ]);
  });

  it('takes hooks that a thousand jobs refer to, and no bomb of aliases', () => {
    const source = '{type: file, filename: /x}';
    const jobs = Array.from(
      { length: 999 },
      (_, index) => `  vm${index}: {schedule: d, source: ${source}, hooks: *h}\n`,
    );
    const first = `  vm: {schedule: d, source: ${source}, hooks: &h {before: /bin/true}}\n`;
    const main = 'global: {base-dir: /s}\nschedules: {d: {daily: {interval: 1d, keep: 2}}}\njobs:\n';
    expect(loadServiceConfig(write(main + first + jobs.join(''))).jobs.size).toBe(1000);
    const levels = Array.from(
      { length: 300 },
      (_, index) => `a${index + 1}: &a${index + 1} [${`*a${index}, `.repeat(9)}]`,
    );
    expect(problemOf(write(['a0: &a0 x', ...levels].join('\n')))).toContain('aliases exceeded');
  });

  it('names the included file of a mistake, and both files of a job that is there twice', () => {
    const main =
      "global: {base-dir: /s, include: 'backy.d/*.yml'}\nschedules: {d: {daily: {interval: 1d, keep: 2}}}\n";
    expect(problemOf(write(main, { 'backy.d/a.yml': 'jobs:\n  a: {schedule: 3}\n' }))).toContain(
      'a.yml:2:17: jobs.a.schedule',
    );
    const job = 'jobs: {a: {schedule: d, source: {type: file, filename: /x}}}';
    const twice = problemOf(write(main, { 'backy.d/a.yml': job, 'backy.d/b.yml': `\n${job}` }));
    expect(twice).toMatch(/^b\.yml:2:8: jobs\.a is in .*a\.yml already$/);
  });
});
