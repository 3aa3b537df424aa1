import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DAY_MS } from '../../../src/domain/duration.ts';
import { FilesystemWatch, type Samples } from '../../../src/service/daemon/filesystems.ts';
import { formatState, readState, stateFile } from '../../../src/service/state/state-file.ts';
import { patiently } from '../../helpers/patiently.ts';
import { makeJob, makeServiceConfig } from './simulation.ts';

const directory = mkdtempSync(join(tmpdir(), 'backy-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Samples of four days in which all free space of today would have been written four times. */
function fallingSamples(): Samples[string] {
  const { blocks, bavail, bsize } = statfsSync(directory);
  return [4, 3, 2, 1].map((days) => ({
    atMs: Date.now() - days * DAY_MS,
    size: blocks * bsize,
    free: bavail * bsize * (days + 1),
  }));
}

async function watchOnce(watch: FilesystemWatch, samples: Samples): Promise<void> {
  const jobs = [makeJob('vm1', { directory: join(directory, 'vm1') })];
  watch.watch(makeServiceConfig(jobs, { baseDirectory: directory }), samples, 60_000);
  await patiently(async () => expect(watch.statuses()).toHaveLength(1), 100, 20);
}

describe('the watch of filesystems', () => {
  it('foretells from samples of an earlier life when the filesystem will be full', async () => {
    mkdirSync(join(directory, 'vm1'));
    const watch = new FilesystemWatch();
    await watchOnce(watch, { [directory]: fallingSamples() });

    const [status] = watch.statuses();
    watch.close();

    expect(status?.path).toBe(directory);
    const days = (Date.parse(status?.fullAt ?? '') - Date.now()) / DAY_MS;
    expect(days).toBeGreaterThan(0.9);
    expect(days).toBeLessThan(1.1);
  });

  it('foretells nothing without a past, and remembers what it sees', async () => {
    const watch = new FilesystemWatch();
    await watchOnce(watch, {});
    watch.close();

    expect(watch.statuses()[0]?.fullAt).toBeNull();
    const samples = watch.samples();
    expect(samples[directory]).toHaveLength(1);
    writeFileSync(stateFile(directory), formatState({ jobs: new Map(), told: {}, samples }));
    expect(readState(directory).samples).toEqual(samples);
  });

  it('tells nothing of a directory that is gone, and goes on', async () => {
    const watch = new FilesystemWatch();
    const gone = join(directory, 'gone');
    watch.watch(makeServiceConfig([], { baseDirectory: gone }), {}, 10);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(watch.statuses()).toEqual([]);

    mkdirSync(gone);
    await patiently(async () => expect(watch.statuses()).toHaveLength(1), 100, 20);
    watch.close();
  });
});
