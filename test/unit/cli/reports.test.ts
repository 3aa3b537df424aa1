import { describe, expect, it } from 'vitest';
import { doctorLines } from '../../../src/cli/ui/doctor-report.ts';
import { expireLines } from '../../../src/cli/ui/expire-report.ts';
import { createLook } from '../../../src/cli/ui/look.ts';
import { verifyLines } from '../../../src/cli/ui/verify-report.ts';
import { revisionId } from '../records.ts';

const [good, bad, edited, seen, lost, damaged] = [1, 2, 3, 4, 5, 6].map(revisionId);

describe('the report of verify', () => {
  it('has a line for each revision and one for each thing that is wrong with it', () => {
    const nothing = { size: 1 << 30, bytesRead: 1, bytesShared: 0, badCount: 0, badBlocks: [] };
    const noReport = { problem: null, report: null, sharers: [], repair: null, recorded: true };
    const none = { ...nothing, ...noReport, alteredRecord: null };
    const altered = { path: '/r/x.rev', problem: 'it was edited', accepted: false };
    const badBlocks = [
      { offset: 0, length: 262144, expected: 'aa', found: 'bb' },
      { offset: 262144, length: 10, expected: '00', error: 'EIO' },
    ];
    const lines = verifyLines({
      good: false,
      remaining: 0,
      verdicts: [
        { ...none, uuid: good ?? '', verdict: 'good' },
        { ...none, uuid: bad ?? '', verdict: 'bad', badCount: 3, badBlocks, report: '/r/quarantine/x' },
        { ...none, uuid: edited ?? '', verdict: 'good', alteredRecord: altered },
        { ...none, uuid: seen ?? '', verdict: 'good', alteredRecord: { ...altered, accepted: true } },
        { ...none, uuid: lost ?? '', verdict: 'unknown', problem: 'too many\nopen files' },
      ],
      damaged: [{ uuid: damaged ?? '', reason: 'its image is missing' }],
    });
    expect(lines).toEqual([
      `${good} good        1.00 GiB`,
      `${bad} bad         1.00 GiB  3 bad blocks`,
      `${bad} offset=0 length=262144 expected=aa found=bb`,
      `${bad} offset=262144 length=10 expected=00 found=EIO`,
      `${bad} and 1 more bad block`,
      `${bad} all of them in /r/quarantine/x`,
      `${edited} good        1.00 GiB`,
      `${edited} altered record /r/x.rev: it was edited; look at it, and if it is right, accept it with "backy verify --accept-records -r ${edited}"`,
      `${seen} good        1.00 GiB`,
      `${seen} altered record /r/x.rev: it was edited; it was accepted as it is`,
      `${lost} unknown     1.00 GiB  too many\\nopen files`,
      `${damaged} damaged  its image is missing`,
    ]);
  });
});

describe('the report of expire', () => {
  it('is one line where there is nothing', () => {
    const freed = { bytes: 0, estimated: false };
    expect(expireLines({ verdicts: [], freed, dryRun: true })).toEqual(['nothing expires']);
  });
});

describe('the report of doctor', () => {
  const report = {
    node: 'v20.19.0',
    platform: 'linux-x64',
    engine: '3.0.0 x86_64-linux',
    directory: '/srv/backy/vm',
    isRepository: true,
    host: {
      filesystem: 'ext4',
      reflink: false,
      reflinkReason: 'ext4 has none',
      punchHole: true,
      directIo: true,
      freeBytes: 1 << 30,
      totalBytes: 2 ** 31,
    },
    source: { filename: '/dev/vg0/vm', kind: 'device', size: 1 << 20 },
    unclaimedSnapshots: [],
    verdict: 'limited',
    remarks: ['Every revision takes the space of a full copy'],
    advice: [],
  } as const;

  it('ends with the verdict and why', () => {
    expect(doctorLines(report)).toEqual([
      'node           v20.19.0 on linux-x64',
      'directory      /srv/backy/vm (a repository)',
      'filesystem     ext4, 1.00 GiB of 2.00 GiB free',
      'reflink        no: ext4 has none',
      'hole punching  yes',
      'direct I/O     yes',
      'source         /dev/vg0/vm (device, 1.00 MiB)',
      '',
      'limited: backups work here, at a price',
      '- Every revision takes the space of a full copy',
    ]);
  });

  it('fits 100 columns, and can be read as if it were not broken', () => {
    const remark = `${'Every revision takes the space of a full copy, '.repeat(4)}and more`;
    const lines = doctorLines({ ...report, directory: `/srv/${'x '.repeat(60)}`, remarks: [remark] });
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.join('\n').replace(/\n +/g, ' ')).toContain(`- ${remark}`);
  });

  it('tells how the newest image lies on the disk', () => {
    const newestImage = { extents: 12_345, extentsPerGib: 1234, cloneSeconds: 0.185 };
    expect(doctorLines({ ...report, newestImage })).toContain(
      'newest image   12,345 extents (1,234 per GiB), about 0.2 s to clone, at most that to remove',
    );
  });

  it('names the engine with -v', () => {
    expect(doctorLines(report, createLook({ verbose: true }))).toContain('engine         3.0.0 x86_64-linux');
  });
});
