import { createHash, randomFillSync } from 'node:crypto';
import {
  closeSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mustRun } from './command.ts';

/** Bytes in a KiB and a MiB. */
export const KIB: number = 1024;
export const MIB: number = 1024 * KIB;

/** Bytes that no two calls have in common. */
export function randomBytes(length: number): Buffer {
  return randomFillSync(Buffer.alloc(length));
}

/** Makes a file that is all hole. */
export function makeSparseFile(path: string, sizeBytes: number): void {
  writeFileSync(path, '');
  truncateSync(path, sizeBytes);
}

/** Overwrites part of a file. */
export function writeAt(path: string, offset: number, bytes: Uint8Array): void {
  const file = openSync(path, 'r+');
  try {
    writeSync(file, bytes, 0, bytes.length, offset);
  } finally {
    closeSync(file);
  }
}

/** Reads part of a file; less where the file ends. */
export function readAt(path: string, offset: number, length: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
  } finally {
    closeSync(file);
  }
}

/** Damages a file as a dying disk would: one byte is another one. */
export function flipByte(path: string, offset: number): void {
  const bytes = readAt(path, offset, 1);
  bytes.writeUInt8(bytes.readUInt8(0) ^ 0xff, 0);
  writeAt(path, offset, bytes);
}

/** SHA-256 of a file, in hex. */
export function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Fails unless two files, devices included, are equal byte for byte and in size. */
export async function expectSameBytes(left: string, right: string): Promise<void> {
  await mustRun('cmp', ['--', left, right]);
}

/** Bytes that a file takes on its disk. */
export function allocatedBytes(path: string): number {
  return statSync(path).blocks * 512;
}
