/** Measures the cost of one process, and of two processes in turns. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.mjs';

const SECTOR = 512;

/**
 * @typedef {object} Cost
 * @property {number} wallS
 * @property {number} cpuS user and system time of the process and its children
 * @property {number} peakMiB largest resident set
 * @property {number} deviceBytes written to the scratch device until everything was flushed
 */
/**
 * Runs `argv` once on a quiet, flushed filesystem.
 * @param {import('./scratch.mjs').Scratch} scratch
 * @param {readonly string[]} argv
 * @returns {Promise<Cost>}
 */
export async function measure(scratch, argv) {
  const report = join(scratch.outside, 'time');
  await flush(scratch);
  const sectorsBefore = sectorsWritten(scratch);
  const startMs = performance.now();
  await run(['/usr/bin/time', '--quiet', `--output=${report}`, '--format=%U %S %M', ...argv]);
  const wallS = (performance.now() - startMs) / 1000;
  await flush(scratch);
  const deviceBytes = (sectorsWritten(scratch) - sectorsBefore) * SECTOR;
  const [user, system, peakKib] = readFileSync(report, 'utf8').trim().split(' ').map(Number);
  return { wallS, cpuS: user + system, peakMiB: peakKib / 1024, deviceBytes };
}

/**
 * Measures all sides in turns (A B A B …), so that whatever else the machine does hits them alike.
 * The first round only warms up caches and memory and is dropped.
 * @template {string} Side
 * @param {number} rounds to keep
 * @param {Readonly<Record<Side, () => Promise<Cost>>>} sides
 * @returns {Promise<readonly Readonly<Record<Side, Cost>>[]>} the costs of each round
 */
export async function interleave(rounds, sides) {
  const costs = [];
  for (let round = 0; round <= rounds; round += 1) {
    const one = {};
    for (const [side, run] of Object.entries(sides)) one[side] = await run();
    costs.push(one);
  }
  return costs.slice(1);
}

/**
 * Touches `bytes` of memory. A virtual machine that hands free pages back to its host pays dearly for the
 * first use of a page; without this, whoever fills the page cache first would be billed for it.
 */
export async function touchMemory(bytes) {
  await run([process.execPath, '-e', `Buffer.alloc(${bytes}, 1)`]);
}

/** Reads a file into the page cache. */
export async function warm(file) {
  await run(['dd', `if=${file}`, 'of=/dev/null', 'bs=1M']);
}

/** Takes files out of the page cache, and nothing else. */
export async function cool(...files) {
  for (const file of files)
    await run(['sh', '-c', 'sync "$1" && dd if="$1" iflag=nocache count=0', 'sh', file]);
}

async function flush({ directory }) {
  await run(['sync', '--file-system', directory]);
}

function sectorsWritten({ statFile }) {
  return Number(readFileSync(statFile, 'utf8').trim().split(/\s+/)[6]);
}
