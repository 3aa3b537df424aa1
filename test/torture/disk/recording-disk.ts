import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

/** A request to the disk, in order. */
export type Entry =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'flush' };

/** A disk that remembers every write and every flush, served by the NBD protocol on a socket. */
export interface RecordingDisk {
  readonly socket: string;
  /** Grows while the disk is used. */
  readonly entries: readonly Entry[];
  close(): Promise<void>;
}

/* https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md */
const OPTION_MAGIC = Buffer.from('IHAVEOPT');
const GREETING = Buffer.concat([Buffer.from('NBDMAGIC'), OPTION_MAGIC, Buffer.from([0, 3])]);
const REPLY_MAGIC = 0x3e889045565a9n;
const OPTION = { abort: 2, go: 7 };
const REPLY = { ack: 1, info: 3, unsupported: 0x8000_0001 };
const REQUEST_BYTES = 28;
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3 };
const SIMPLE_REPLY = 0x67446698;
/** There are flags, and one of them says that it can flush. */
const CAN_FLUSH = 0b101;

/**
 * Serves a file as a disk. The process that does so must not touch a filesystem on that disk itself: it would wait for
 * its own answer.
 */
export async function recordDisk(file: string, sizeBytes: number, socket: string): Promise<RecordingDisk> {
  const descriptor = openSync(file, 'r+');
  ftruncateSync(descriptor, sizeBytes);
  const entries: Entry[] = [];
  const disk: Disk = { descriptor, sizeBytes, entries };
  const server = createServer((client) => serve(client, disk));
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  return { socket, entries, close: () => stop(server, descriptor) };
}

interface Disk {
  readonly descriptor: number;
  readonly sizeBytes: number;
  readonly entries: Entry[];
}

function stop(server: Server, descriptor: number): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      closeSync(descriptor);
      resolve();
    });
  });
}

/** Takes a message off the front of what has arrived; undefined while it is not complete. */
type Parser = (bytes: Buffer) => { readonly used: number; readonly next: Parser } | undefined;

function serve(client: Socket, disk: Disk): void {
  const transmission: Parser = (bytes) => {
    if (bytes.length < REQUEST_BYTES) return undefined;
    const type = bytes.readUInt16BE(6);
    const length = bytes.readUInt32BE(24);
    const used = REQUEST_BYTES + (type === COMMAND.write ? length : 0);
    if (bytes.length < used) return undefined;
    if (type === COMMAND.disconnect) client.end();
    else client.write(answer(disk, bytes.subarray(0, used), type));
    return { used, next: transmission };
  };
  const negotiation: Parser = (bytes) => {
    if (bytes.length < 16) return undefined;
    const [option, length] = [bytes.readUInt32BE(8), bytes.readUInt32BE(12)];
    const used = 16 + length;
    if (bytes.length < used) return undefined;
    if (option === OPTION.go) {
      client.write(optionReply(option, REPLY.info, exportInfo(disk.sizeBytes)));
      client.write(optionReply(option, REPLY.ack));
      return { used, next: transmission };
    }
    client.write(optionReply(option, option === OPTION.abort ? REPLY.ack : REPLY.unsupported));
    return { used, next: negotiation };
  };
  const greeted: Parser = (bytes) => (bytes.length < 4 ? undefined : { used: 4, next: negotiation });

  let [pending, parser]: [Buffer, Parser] = [Buffer.alloc(0), greeted];
  client.on('error', () => client.destroy());
  client.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (let step = parser(pending); step; step = parser(pending)) {
      pending = pending.subarray(step.used);
      parser = step.next;
    }
  });
  client.write(GREETING);
}

function optionReply(option: number, type: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(20);
  head.writeBigUInt64BE(REPLY_MAGIC, 0);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(type, 12);
  head.writeUInt32BE(data.length, 16);
  return Buffer.concat([head, data]);
}

function exportInfo(sizeBytes: number): Buffer {
  const info = Buffer.alloc(12);
  info.writeBigUInt64BE(BigInt(sizeBytes), 2);
  info.writeUInt16BE(CAN_FLUSH, 10);
  return info;
}

function answer({ descriptor, entries }: Disk, request: Buffer, type: number): Buffer {
  const offset = Number(request.readBigUInt64BE(16));
  const head = Buffer.alloc(16);
  head.writeUInt32BE(SIMPLE_REPLY, 0);
  request.copy(head, 8, 8, 16);
  if (type === COMMAND.read) {
    const bytes = Buffer.alloc(request.readUInt32BE(24));
    readSync(descriptor, bytes, 0, bytes.length, offset);
    return Buffer.concat([head, bytes]);
  }
  if (type === COMMAND.write) {
    const bytes = Buffer.from(request.subarray(REQUEST_BYTES));
    writeSync(descriptor, bytes, 0, bytes.length, offset);
    entries.push({ kind: 'write', offset, bytes });
    return head;
  }
  if (type === COMMAND.flush) entries.push({ kind: 'flush' });
  else head.writeUInt32BE(22, 4);
  return head;
}
