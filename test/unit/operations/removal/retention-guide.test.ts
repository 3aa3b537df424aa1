import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scheduleLines } from '../../../../src/cli/ui/schedule-report.ts';
import { formatConfig } from '../../../../src/config/write-config.ts';
import { simulate } from '../../../../src/operations/status/simulate.ts';
import { workbench } from '../workbench.ts';

const guide = readFileSync(new URL('../../../../docs/guides/retention.md', import.meta.url), 'utf8');

describe('the guide to retention', () => {
  const zone = process.env.TZ;
  beforeAll(() => {
    process.env.TZ = 'UTC';
  });
  afterAll(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  it('shows what the simulator says of the schedule of every new repository', async () => {
    const bench = workbench();
    writeFileSync(
      join(bench.directory, 'config'),
      formatConfig({ source: { type: 'file', filename: bench.source } }),
    );
    bench.now = new Date('2026-01-01T03:00:00Z');
    const lines = scheduleLines(await simulate(bench.context, { days: 120 }));
    const end = lines.findIndex((line) => line.startsWith('== Kept')) - 1;
    // The guide shows the first two backups and the last one.
    const expected = [...lines.slice(0, 4), '…', ...lines.slice(end - 1)];
    const [, shown] = /\$ backy schedule 120\n([\s\S]*?)\n```/.exec(guide) ?? [];
    expect(shown).toBe(expected.join('\n'));
  });
});
