/** What the project's scripts share: where they are, how they run other programs and how they speak. */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
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

/** No step takes anything like this long; one that hangs must fail, with all that it started. */
const STEP_LIMIT_MS = 25 * 60_000;

/**
 * Runs a command in the checkout and shows its output as it comes.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {number} limitMs when it hangs
 * @returns {Promise<{ succeeded: boolean, exitCode: number | null, output: string }>} with its standard output, for counting
 */
export function stream(command, args, limitMs = STEP_LIMIT_MS) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const stop = () => child.pid && process.kill(-child.pid, 'SIGKILL');
    const hanging = setTimeout(() => {
      process.stderr.write(`${command} ${args.join(' ')} hangs: stopped after ${limitMs / 60_000} minutes\n`);
      stop();
    }, limitMs);
    // In a process group of its own it does not see the Ctrl-C that ends this one.
    const interrupted = () => {
      stop();
      process.exit(130);
    };
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    const chunks = [];
    child.stdout.on('data', (chunk) => {
      chunks.push(chunk);
      process.stdout.write(chunk);
    });
    child.on('error', (error) => {
      process.stderr.write(`cannot run ${command}: ${error.message}\n`);
      resolve({ succeeded: false, exitCode: null, output: '' });
    });
    child.on('close', (code) => {
      clearTimeout(hanging);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      resolve({ succeeded: code === 0, exitCode: code, output: Buffer.concat(chunks).toString() });
    });
  });
}
