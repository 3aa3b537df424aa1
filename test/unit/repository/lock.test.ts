import { describe, expect, it } from 'vitest';
import { backyError } from '../../../src/errors.ts';
import { layoutOf } from '../../../src/repository/layout.ts';
import {
  lockForKeeping,
  lockForRemoving,
  lockForWriting,
  tryLockForRemoving,
} from '../../../src/repository/lock.ts';
import { fakeEngine } from '../fake-engine.ts';

const layout = layoutOf('/srv/backy/vm');

describe('locks', () => {
  it('admit one writer, who is named to the next', () => {
    const engine = fakeEngine();
    lockForWriting(engine, layout);
    expect(() => lockForWriting(engine, layout)).toThrow(
      'Another backup is running in /srv/backy/vm (process 4711)',
    );
  });

  it('say so when nobody knows who it is', () => {
    const engine = fakeEngine();
    engine.lockFile = (path) => {
      throw backyError('BACKY_LOCKED', { work: 'work', path, holder: 'process unknown' });
    };
    expect(() => lockForWriting(engine, layout)).toThrow('(process unknown)');
  });

  it('let many keep files, and nobody remove them meanwhile', async () => {
    const engine = fakeEngine();
    const first = await lockForKeeping(engine, layout);
    const second = await lockForKeeping(engine, layout);
    expect(tryLockForRemoving(engine, layout)).toBeUndefined();
    first.release();
    expect(() => lockForRemoving(engine, layout)).toThrow(
      /Another backup, restore or verification is running/,
    );
    second.release();
    lockForRemoving(engine, layout).release();
    expect(engine.locks.size).toBe(0);
  });

  it('wait for a purge that ends', async () => {
    const engine = fakeEngine();
    const purging = lockForRemoving(engine, layout);
    setTimeout(() => purging.release(), 150);
    await expect(lockForKeeping(engine, layout)).resolves.toBeDefined();
  });

  it('wait no longer than they are to', async () => {
    const engine = fakeEngine();
    lockForRemoving(engine, layout);
    const waiting = lockForKeeping(engine, layout, AbortSignal.timeout(150));
    await expect(waiting).rejects.toMatchObject({ code: 'BACKY_CANCELLED' });
  });
});
