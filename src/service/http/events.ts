import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { ServiceControl, ServiceEvent } from '../model/service-control.ts';

const HEARTBEAT_MS = 15_000;
/** A listener that is this far behind is dropped. */
const MOST_WAITING = 1000;

/** Streams the events of the service as server-sent events, one JSON object each. */
export function streamEvents(c: Context, control: ServiceControl): Response {
  return streamSSE(c, async (stream) => {
    const waiting: ServiceEvent[] = [];
    let wake = (): void => {};
    const stop = control.listen((event) => {
      waiting.push(event);
      wake();
    });
    stream.onAbort(() => {
      stop();
      wake();
    });
    try {
      while (!stream.aborted && waiting.length < MOST_WAITING) {
        const event = waiting.shift();
        if (event)
          await stream.writeSSE({ id: String(event.id), event: event.type, data: JSON.stringify(event) });
        else if (!(await wokenWithin(HEARTBEAT_MS, (resolve) => (wake = resolve))))
          await stream.write(': alive\n\n');
      }
    } finally {
      stop();
    }
  });
}

/** Waits for a call of the function that `offer` gets. Returns whether it came in time. */
function wokenWithin(timeoutMs: number, offer: (resolve: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), timeoutMs);
    offer(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
