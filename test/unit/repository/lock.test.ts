import { describe, expect, it } from 'vitest';
import { backyError } from '../../../src/errors.ts';
import { layoutOf } from '../../../src/repository/layout.ts';
import {
  tryRemovalLock,
  withReaderLock,
  withRemovalLock,
  withWriterLock,
} from '../../../src/repository/lock.ts';
import { fakeEngine } from '../fake-engine.ts';

const layout = layoutOf('/srv/backy/vm');
const nothing = async (): Promise<void> => {};

describe('locks', () => {
  it('admit one writer, whom the error of the next one names', async () => {
    const engine = fakeEngine();
    await withWriterLock(engine, layout, () =>
      expect(withWriterLock(engine, layout, nothing)).rejects.toThrow(
        'Another backup is running in /srv/backy/vm (process 4711)',
      ),
    );
  });

  it('report an unknown holder', async () => {
    const engine = fakeEngine();
    engine.lockFile = (path) => {
      throw backyError('BACKY_LOCKED', { work: 'work', path, holder: 'process unknown' });
    };
    await expect(withWriterLock(engine, layout, nothing)).rejects.toThrow('(process unknown)');
  });

  it('admit many readers, and nobody who removes files meanwhile', async () => {
    const engine = fakeEngine();
    await withReaderLock(engine, layout, undefined, async () => {
      await withReaderLock(engine, layout, undefined, async () => {
        expect(await tryRemovalLock(engine, layout, nothing)).toBe(false);
      });
      await expect(withRemovalLock(engine, layout, nothing)).rejects.toThrow(
        /Another backup, restore or verification is running/,
      );
    });
    expect(await tryRemovalLock(engine, layout, nothing)).toBe(true);
    expect(engine.locks.size).toBe(0);
  });

  it('are released when the work fails', async () => {
    const engine = fakeEngine();
    const failing = withWriterLock(engine, layout, () =>
      withReaderLock(engine, layout, undefined, async () => {
        throw new Error('broken');
      }),
    );
    await expect(failing).rejects.toThrow('broken');
    expect(engine.locks.size).toBe(0);
  });

  it('wait for a purge that ends', async () => {
    const engine = fakeEngine();
    const order: string[] = [];
    let endPurge = (): void => {};
    const purging = withRemovalLock(engine, layout, async () => {
      await new Promise<void>((resolve) => {
        endPurge = resolve;
      });
      order.push('purged');
    });
    const reading = withReaderLock(engine, layout, undefined, async () => {
      order.push('read');
    });
    setTimeout(endPurge, 150);
    await Promise.all([purging, reading]);
    expect(order).toEqual(['purged', 'read']);
  });

  it('stop waiting when the signal says so', async () => {
    const engine = fakeEngine();
    await withRemovalLock(engine, layout, () =>
      expect(withReaderLock(engine, layout, AbortSignal.timeout(150), nothing)).rejects.toMatchObject({
        code: 'BACKY_CANCELLED',
      }),
    );
  });
});
