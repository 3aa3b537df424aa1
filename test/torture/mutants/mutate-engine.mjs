import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** The calls of the engine that change names. */
const METHODS = ['createFile', 'replaceFile', 'replaceLinks', 'sealFiles', 'removeFiles', 'moveFiles'];

/** The time in which somebody can hear an early report. */
const PAUSE_MS = 300;

/**
 * Makes the engine of this process make one mistake. A call is matched as text: its name, and the names of its files.
 *
 * @param {string} addonPath the addon that backy is about to load
 * @param {import('./mutants.ts').Mistake} mistake
 */
export function mutateEngine(addonPath, { leaveOut, hold, reportBefore }) {
  const addon = createRequire(import.meta.url)(addonPath);
  const held = [];
  let isReported = false;
  for (const method of METHODS) {
    const original = addon[method];
    addon[method] = async (...args) => {
      const call = textOf(method, args[0]);
      if (matches(leaveOut, call)) return;
      if (matches(hold?.call, call)) {
        held.push(() => original(renamed(args[0], hold.rename), ...args.slice(1)));
        return;
      }
      if (matches(reportBefore, call) && !isReported) {
        isReported = true;
        process.stdout.write('done\n');
        await setTimeout(PAUSE_MS);
      }
      const result = await original(...args);
      if (matches(hold?.until, call)) for (const run of held.splice(0)) await run();
      return result;
    };
  }
}

function textOf(method, files) {
  const paths = [files].flat().map((file) => (typeof file === 'string' ? file : (file.to ?? file.path)));
  return [method, ...paths.map((path) => basename(path))].join(' ');
}

function matches(pattern, call) {
  return pattern !== undefined && new RegExp(pattern).test(call);
}

function renamed(file, [from, to] = ['', '']) {
  return typeof file === 'string' && file.endsWith(from)
    ? file.slice(0, file.length - from.length) + to
    : file;
}
