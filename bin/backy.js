#!/usr/bin/env node
// Old versions of Node must get as far as their one line: no syntax here that is newer than they are.
import { readFileSync, statSync, writeSync } from 'node:fs';
import module from 'node:module';

const args = process.argv.slice(2);

if (!isSupported(process.versions.node)) refuseNode();
else if (!(args.length === 1 && args[0] === '--version' && printVersion())) runMain();

/** As `engines` in package.json says, and any version that is newer still. */
function isSupported(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19);
}

function refuseNode() {
  const message = `Node ${process.versions.node} is too old for backy`;
  const remedy = 'Install Node 20.19, 22.12, or any newer version';
  const error = { messageType: 'exitError', code: 'BACKY_NODE_UNSUPPORTED', message, remedy, details: {} };
  const line = args.includes('--json') ? JSON.stringify(error) : `backy: ${message}. ${remedy}.`;
  process.exitCode = 1;
  process.stderr.write(`${line}\n`);
}

async function runMain() {
  cacheCompiledCode();
  const { main } = await import('../dist/cli/main.js');
  process.exitCode = await main(args);
}

/** Answered here, and without process.stdout, because loading more would take half as long again as Node itself. */
function printVersion() {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  try {
    writeSync(1, `${JSON.parse(manifest).version}\n`);
    return true;
  } catch {
    // The whole command line knows what to say about it.
    return false;
  }
}

/** Shortens the start of a Node that can do it; never in a place where others could plant code. */
function cacheCompiledCode() {
  const home = process.env.HOME;
  if (!home || !module.enableCompileCache) return;
  const stats = statSync(home, { throwIfNoEntry: false });
  if (stats && stats.uid === process.geteuid()) module.enableCompileCache(`${home}/.cache/backy`);
}
