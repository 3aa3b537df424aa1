import { request } from 'node:http';
import { backyError } from '../../errors.ts';
import type { ServiceEvent } from '../model/service-control.ts';

/**
 * Follows the events of a service through its socket from now on, until the loop ends or the service stops.
 *
 * @throws BACKY_SERVICE_ABSENT when nobody answers
 */
export function followEvents(socketPath: string): AsyncIterable<ServiceEvent> {
  const stream = openStream(socketPath);
  // The loop reports a failure; until it begins, nobody else may.
  stream.catch(() => {});
  return eventsOf(stream);
}

async function* eventsOf(stream: ReturnType<typeof openStream>): AsyncGenerator<ServiceEvent> {
  const { response, close } = await stream;
  let text = '';
  try {
    for await (const part of response) {
      text += part;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) yield* eventOf(block);
    }
  } catch (error) {
    // A service that stops closes its connections.
    if (!(error instanceof Error && 'code' in error && error.code === 'ECONNRESET')) throw error;
  } finally {
    close();
  }
}

function openStream(socketPath: string): Promise<{ response: NodeJS.ReadableStream; close: () => void }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: '/v1/events' }, (response) => {
      response.setEncoding('utf8');
      resolve({ response, close: () => call.destroy() });
    });
    call.on('error', (error) =>
      reject(backyError('BACKY_SERVICE_ABSENT', { path: socketPath, reason: error.message })),
    );
    call.end();
  });
}

function eventOf(block: string): readonly ServiceEvent[] {
  const data = block
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trim());
  return data.length === 0 ? [] : [JSON.parse(data.join('\n'))];
}
