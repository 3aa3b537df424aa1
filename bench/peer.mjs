/** One other program at work: its directory, its revisions, one step after another. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.mjs';
import { measure } from './measure.mjs';
import { requireEqual } from './repository.mjs';

/** @typedef {'first' | 'same' | 'changed' | 'restore' | 'verify'} Step */
/**
 * @typedef {object} Peer
 * @property {(step: Step) => Promise<import('./measure.mjs').Cost | undefined>} take measures a step and checks what it made;
 *   undefined where the tool has no such step
 */

// Otherwise these two ask.
const ANSWERS = { BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes', RESTIC_PASSWORD: 'bench' };

/** Whether the program is installed. */
export async function isInstalled({ program }) {
  return run(['which', program]).then(
    () => true,
    () => false,
  );
}

/**
 * @param {import('./scratch.mjs').Scratch} scratch
 * @param {string} image
 * @param {string} key names its directory
 * @param {import('./peer-tools.mjs').Tool} tool
 * @returns {Promise<Peer>}
 */
export async function setUp(scratch, image, key, tool) {
  const [home, target] = [scratch.path(key), scratch.path('target')];
  let revision = 0;
  const shell = (script) => {
    const variables = { HOME: home, IMAGE: image, TARGET: target, REVISION: revision, ...ANSWERS };
    return ['env', ...Object.entries(variables).map((entry) => entry.join('=')), 'sh', '-c', script];
  };
  mkdirSync(home);
  if (tool.init) await run(shell(tool.init));
  return {
    async take(step) {
      const isBackup = step !== 'restore' && step !== 'verify';
      const script = tool[step] ?? (isBackup ? tool.backup : undefined);
      if (!script) return undefined;
      if (isBackup) revision += 1;
      mkdirSync(target);
      const cost = await measure(scratch, shell(script));
      if (step === 'restore') await requireEqual(image, onlyFileBelow(target));
      if (isBackup && tool.tidy) await run(shell(tool.tidy));
      rmSync(target, { recursive: true });
      return cost;
    },
  };
}

/** Most tools restore the path of the image, too. */
function onlyFileBelow(directory) {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const [file, ...others] = entries.filter((entry) => entry.isFile());
  if (!file || others.length > 0) throw new Error(`${directory} should have one file`);
  return join(file.parentPath ?? file.path, file.name);
}
