import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Control, Failure, Load } from '#native';
import { checkLoad, operate } from '../../../src/native/operate.ts';

/** A control as the addon has one, which a test can look into. */
class FakeControl implements Control {
  static last: FakeControl | undefined;
  cancelled = false;
  asked = 0;

  readonly load: Load;

  constructor(load: Load) {
    this.load = load;
    FakeControl.last = this;
  }

  cancel(): void {
    this.cancelled = true;
  }

  progress() {
    this.asked += 1;
    return { total: 100, done: this.asked, changed: 0 };
  }
}

const addon = { Control: FakeControl };
const cancelled: Failure = { failed: true, code: 'BACKY_CANCELLED', message: 'cancelled' };
const FACTS = { work: 'backup', aftermath: 'nothing is left' };

/** Work that goes on until it is cancelled. */
async function untilCancelled(control: Control): Promise<{ value: number } | Failure> {
  while (!(control instanceof FakeControl && control.cancelled)) await sleep(5);
  return cancelled;
}

describe('operate', () => {
  it('gives the result', async () => {
    await expect(operate(addon, async () => ({ value: 7 }), {}, FACTS)).resolves.toEqual({ value: 7 });
  });

  it('says how much of the machine the work may take', async () => {
    await operate(addon, async () => ({}), { rate: 5000, idle: true }, FACTS);
    expect(FakeControl.last?.load).toEqual({ rate: 5000, idle: true });
    await operate(addon, async () => ({}), {}, FACTS);
    expect(FakeControl.last?.load).toEqual({ idle: false });
  });

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('takes %d for no rate', (rate) => {
    expect(() => checkLoad({ rate })).toThrow(expect.objectContaining({ code: 'BACKY_INVALID_ARGUMENT' }));
  });

  it('throws failures as BackyError', async () => {
    const failure: Failure = { failed: true, code: 'BACKY_READ_BACK', message: 'm', path: '/x', offset: 512 };
    await expect(operate(addon, async () => failure, {}, FACTS)).rejects.toMatchObject({
      code: 'BACKY_READ_BACK',
      message: 'Data written to /x reads back differently at byte 512',
      cause: failure,
    });
  });

  it('cancels when the signal is aborted, and keeps its reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 20);
    await expect(operate(addon, untilCancelled, { signal: controller.signal }, FACTS)).rejects.toMatchObject({
      code: 'BACKY_CANCELLED',
      message: 'The backup was cancelled: nothing is left',
      cause: reason,
    });
  });

  it('does not even start when the signal was aborted before', async () => {
    let started = false;
    const start = async (): Promise<object> => {
      started = true;
      return {};
    };
    const attempt = operate(addon, start, { signal: AbortSignal.abort('why') }, FACTS);
    await expect(attempt).rejects.toMatchObject({ code: 'BACKY_CANCELLED', cause: 'why' });
    expect(started).toBe(false);
  });

  it('reports progress about five times a second, and once at the end', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const seen: number[] = [];
    const onProgress = ({ done }: { done: number }): void => void seen.push(done);
    const work = (): Promise<object> => new Promise((resolve) => setTimeout(resolve, 1100, {}));
    const operation = operate(addon, work, { onProgress }, FACTS);
    await vi.advanceTimersByTimeAsync(1000);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    await vi.advanceTimersByTimeAsync(1000);
    await operation;
    expect(seen).toHaveLength(6);
    await vi.advanceTimersByTimeAsync(1000);
    expect(seen).toHaveLength(6);
  });

  it('cancels the work when an observer throws, and throws that', async () => {
    const bug = new Error('a bug in the observer');
    const onProgress = (): void => {
      throw bug;
    };
    await expect(operate(addon, untilCancelled, { onProgress }, FACTS)).rejects.toBe(bug);
  });

  it('leaves no listener behind', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = new Proxy(signal, {
      get: (target, name) => {
        if (name === 'addEventListener') listeners += 1;
        if (name === 'removeEventListener') listeners -= 1;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await operate(addon, async () => ({}), { signal: counted }, FACTS);
    expect(listeners).toBe(0);
    expect(FakeControl.last?.cancelled).toBe(false);
  });
});
