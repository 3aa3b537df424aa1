import { request } from 'node:http';
import { isObject } from '../../domain/shape.ts';
import { BackyError, backyError, isErrorCode } from '../../errors.ts';
import { loadServiceConfig } from '../config/load-service-config.ts';

const TIMEOUT_MS = 30_000;
const LARGEST_ANSWER = 64 * 1024 * 1024;

/** A connection to the service of a configuration. */
export interface ServiceClient {
  /** The path of its socket. */
  readonly socket: string;
  /**
   * Sends a request and returns the JSON of the answer.
   *
   * @throws BACKY_SERVICE_ABSENT when nobody answers, and the errors of the service
   */
  call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown>;
}

/** Connects to the service of a configuration, through its socket. @throws BACKY_CONFIG_INVALID, BACKY_IO */
export function connectToService(path: string): ServiceClient {
  const { socket } = loadServiceConfig(path).api;
  return {
    socket,
    call: async (method, route, body) => {
      const { status, text } = await send(socket, method, route, body);
      const answer = parse(text, socket);
      if (status >= 400) throw errorOf(answer, socket);
      return answer;
    },
  };
}

function send(
  socketPath: string,
  method: string,
  path: string,
  body: object | undefined,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const absent = (reason: string): void =>
      reject(backyError('BACKY_SERVICE_ABSENT', { path: socketPath, reason }));
    const headers = body ? { 'content-type': 'application/json' } : {};
    const call = request({ socketPath, method, path, headers, timeout: TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (text.length > LARGEST_ANSWER) call.destroy(new Error('the answer is too large'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on('timeout', () => call.destroy(new Error('it does not answer')));
    call.on('error', (error) => absent(error.message));
    call.end(body ? JSON.stringify(body) : undefined);
  });
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw backyError('BACKY_SERVICE_ABSENT', { path, reason: 'something else answers there' });
  }
}

/** The error that the service has sent. */
function errorOf(answer: unknown, path: string): BackyError {
  if (isObject(answer)) {
    const { code, message, remedy } = answer;
    if (
      typeof code === 'string' &&
      isErrorCode(code) &&
      typeof message === 'string' &&
      typeof remedy === 'string'
    )
      return new BackyError(code, { message, remedy }, {}, undefined);
  }
  return backyError('BACKY_SERVICE_ABSENT', { path, reason: 'it sends an answer that backy does not know' });
}
