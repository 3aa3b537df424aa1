/** Shared by all scripts: the path of the checkout, running other programs, printing. */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The checkout, whatever directory a script was started from. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Prints one line of result. */
export function say(/** @type {string} */ line) {
  process.stdout.write(`${line}\n`);
}

/** Ends the script with one line that says why. */
export function fail(/** @type {string} */ message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** @returns {any} the value of a JSON file */
export function readJson(/** @type {string} */ path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/**
 * Only what says nothing at all for so long hangs, and must fail with all that it started. How long a step takes in all is
 * no sign: a slow or busy machine is an honest one. Whatever runs here says something after
 * each test or each file of them; the longest of them builds the modules of a guest first, for which it has an hour.
 */
const SILENCE_LIMIT_MS = 90 * 60_000;

/** Stops each running command. They run in process groups of their own, so they do not see the Ctrl-C that ends this one. */
const running = new Set();
for (const [signal, exitCode] of /** @type {const} */ ([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])) {
  process.on(signal, () => {
    for (const stop of running) stop();
    process.exit(exitCode);
  });
}

/**
 * Runs a command in the checkout and shows its output as it comes.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ silenceLimitMs?: number, label?: string }} options after how much silence it is stopped; and what is put before
 *   each line, where several run at the same time
 * @returns {Promise<{ succeeded: boolean, exitCode: number | null, output: string }>} with its standard output, for counting
 */
export function stream(command, args, { silenceLimitMs = SILENCE_LIMIT_MS, label } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const stop = () => {
      try {
        if (child.pid) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has just ended by itself.
      }
    };
    const hanging = setTimeout(() => {
      const minutes = silenceLimitMs / 60_000;
      process.stderr.write(
        `${command} ${args.join(' ')} hangs: stopped after ${minutes} minutes of silence\n`,
      );
      stop();
    }, silenceLimitMs);
    running.add(stop);
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    for (const from of /** @type {const} */ (['stdout', 'stderr'])) {
      child[from].on('data', () => hanging.refresh());
      show(child[from], process[from], label);
    }
    child.on('error', (error) => {
      clearTimeout(hanging);
      running.delete(stop);
      process.stderr.write(`cannot run ${command}: ${error.message}\n`);
      resolve({ succeeded: false, exitCode: null, output: '' });
    });
    child.on('close', (code) => {
      clearTimeout(hanging);
      running.delete(stop);
      resolve({ succeeded: code === 0, exitCode: code, output: Buffer.concat(chunks).toString() });
    });
  });
}

/** Copies a stream as it comes; with a label, line by line. */
function show(from, to, label) {
  if (label === undefined) from.on('data', (chunk) => to.write(chunk));
  else createInterface({ input: from }).on('line', (line) => to.write(`${label} | ${line}\n`));
}
