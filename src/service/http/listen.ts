import { rmSync } from 'node:fs';
import { createServer, Server } from 'node:http';
import { connect } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { isNodeError } from '../../io-error.ts';
import type { ApiConfig } from '../model/service-config.ts';
import type { ServiceControl } from '../model/service-control.ts';
import { createApp } from './app.ts';
import type { Listener } from './caller.ts';

/** The surroundings of the listeners. */
export interface ListenOptions {
  readonly control: ServiceControl;
  /** The configuration in force: its tokens may change, its places do not. */
  readonly api: () => ApiConfig;
  readonly audit: (entry: Readonly<Record<string, unknown>>) => void;
  readonly onProblem: (message: string) => void;
}

const ADMIN_ONLY = 0o177;
const GROUP_TOO = 0o117;
const REQUEST_TIMEOUT_MS = 30_000;

/** Opens the sockets of the API and, if the configuration says so, TCP ports. One that cannot be opened is reported. */
export async function listen(options: ListenOptions): Promise<{ close(): void }> {
  const { socket, statusSocket, addresses } = options.api();
  const servers = await Promise.all([
    open(options, 'api-socket', socket, (server) => onSocket(server, socket, ADMIN_ONLY)),
    open(options, 'status-socket', statusSocket, (server) => onSocket(server, statusSocket, GROUP_TOO)),
    ...addresses.map(({ host, port }) =>
      open(options, 'tcp', `${host}:${port}`, async (server) => {
        server.listen(port, host);
        await listening(server);
      }),
    ),
  ]);
  return {
    close: () => {
      for (const server of servers) {
        server?.close();
        server?.closeAllConnections();
      }
    },
  };
}

async function open(
  options: ListenOptions,
  listener: Listener,
  place: string,
  start: (server: Server) => Promise<void>,
): Promise<Server | undefined> {
  const app = createApp({ ...options, listener });
  const server = createAdaptorServer({ fetch: app.fetch, createServer });
  if (!(server instanceof Server)) throw new TypeError('the server speaks HTTP/1');
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  try {
    await start(server);
    return server;
  } catch (error) {
    options.onProblem(`nobody can connect to ${place}: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** A socket with the permissions of its role from the first moment on. One that a dead service left is replaced. */
async function onSocket(server: Server, path: string, mask: number): Promise<void> {
  if (await isDead(path)) rmSync(path);
  const before = process.umask(mask);
  try {
    server.listen(path);
    await listening(server);
  } finally {
    process.umask(before);
  }
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', resolve);
  });
}

/** Whether a socket is there, and nobody listens to it. */
function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (dead: boolean): void => {
      socket.destroy();
      resolve(dead);
    };
    socket.once('connect', () => end(false));
    socket.once('error', (error) => end(isNodeError(error, 'ECONNREFUSED')));
  });
}
