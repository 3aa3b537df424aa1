import { describe, expect, it } from 'vitest';
import type { RevisionRecord, Trust } from '../../../src/domain/revision.ts';
import { jobPage } from '../../../src/service/http/job-page.ts';
import { jobStatus, statusOf } from './statuses.ts';

const HOSTILE = `<script>alert(1)</script>"'&\u202e| x`;

function revision(uuid: string, timestamp: string, trust: Trust, fallback?: string): RevisionRecord {
  return {
    formatVersion: 1,
    uuid,
    timestamp,
    parent: null,
    tags: ['daily'],
    trust,
    size: 1024,
    digest: null,
    blockSize: null,
    source: { type: 'file' },
    consistency: 'crash',
    verifiedAt: null,
    stats: {
      duration: 3,
      bytesRead: 1024,
      bytesWritten: 512,
      bytesChanged: 256,
      bytesZero: 0,
      method: 'full',
      sharing: 'none',
      ...(fallback === undefined ? {} : { fallback }),
    },
  };
}

const OLD = '01890a5d-ac96-774b-bcce-b302099a8057';
const NEW = '01890a5d-ac96-774b-bcce-b302099a8058';
const REVISIONS = [
  revision(NEW, '2025-12-31T03:00:00.000Z', 'distrusted', `no snapshot: ${HOSTILE}`),
  revision(OLD, '2025-12-30T03:00:00.000Z', 'verified'),
];

async function pageOf(
  revisions: readonly RevisionRecord[],
  more: Parameters<typeof jobStatus>[1] = {},
): Promise<string> {
  return String(await jobPage(jobStatus(HOSTILE, more), revisions, statusOf([])));
}

describe('the page of a job', () => {
  it('restores the newest good revision, from whatever directory', async () => {
    const text = await pageOf(REVISIONS, { directory: "/srv/it's here" });
    const directory = '&#39;/srv/it&#39;\\&#39;&#39;s here';
    expect(text).toContain(`backy -b ${directory}&#39; restore -r ${OLD} TARGET`);
    expect(text).toContain(`mount -o ro,loop ${directory}/${OLD}`);
    expect(text).toContain(`dd if=${directory}/${OLD}`);
    expect(text).not.toContain(`restore -r ${NEW}`);
  });

  it('says that nothing can be restored when no revision is good', async () => {
    expect(await pageOf(REVISIONS.slice(0, 1))).toContain('There is no good revision to restore');
    expect(await pageOf([])).toContain('There is no good revision to restore');
  });

  it('escapes names, reasons and fallbacks', async () => {
    const text = await pageOf(REVISIONS, { reasons: [HOSTILE] });
    expect(text).not.toContain('<script');
    expect(text.split('&lt;script&gt;alert(1)').length - 1).toBeGreaterThanOrEqual(4);
  });

  it('shows each day of 53 weeks by the best trust of its revisions', async () => {
    const sameDay = revision(OLD, '2025-12-31T09:00:00.000Z', 'trusted');
    const text = await pageOf([...REVISIONS, sameDay]);
    expect(text).toContain('<title>2025-12-31: trusted</title>');
    expect(text).toContain('<title>2025-12-30: verified</title>');
    expect(text).toContain('<title>2025-12-29: no revision</title>');
    // 1 January 2026 is a Thursday: 52 whole weeks and four days.
    expect(text.match(/<rect /g)).toHaveLength(52 * 7 + 4);
    expect(await pageOf(REVISIONS)).toContain('<title>2025-12-31: distrusted</title>');
  });
});
