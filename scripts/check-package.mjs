#!/usr/bin/env node
/**
 * Looks into packed tarballs before they are published:
 *
 *     node scripts/check-package.mjs TARBALL...
 *
 * The main package holds what runs and nothing that is only for building; a platform package holds its addon and
 * nothing else; no package runs anything when it is installed. Prints every fault and fails if there is one.
 */

import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { fail, say } from './lib/run.mjs';

const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];
const MAIN_FILES = [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'bin/backy',
  'bin/backy.js',
  'dist/index.js',
  'dist/index.d.ts',
  'dist/index.d.cts',
  'man/backy.1',
  'completions/backy.bash',
  'completions/_backy',
  'completions/backy.fish',
  'systemd/backy.service',
  'systemd/backy@.service',
  'systemd/backy@.timer',
];
const MAIN_FILES_NATIVE = ['native/index.d.ts'];
/** Everything else in the main package is there by mistake. */
const MAIN_ALLOWED =
  /^(package\.json|LICENSE|\w+\.md|(docs|bench|test)\/.+\.(md|sh)|bin\/backy(\.js)?|man\/backy\.1|completions\/(_backy|backy\.(bash|fish))|systemd\/backy@?\.(service|timer)|dist\/(.+\.js|index\.d\.c?ts)|native\/index\.d\.ts)$/;

const tarballs = process.argv.slice(2);
if (tarballs.length === 0) fail('usage: node scripts/check-package.mjs TARBALL...');

const faults = tarballs.flatMap((tarball) =>
  inspect(tarball).map((fault) => `${basename(tarball)}: ${fault}`),
);
if (faults.length > 0) fail(faults.join('\n'));
say(`${tarballs.length} packages hold what they should`);

function inspect(tarball) {
  const manifest = JSON.parse(tar('-xzOf', tarball, 'package/package.json'));
  const files = tar('-tzf', tarball)
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
  const rules = manifest.napi ? mainFaults : platformFaults;
  return [...rules(manifest, files), ...installScriptFaults(manifest, files)];
}

function mainFaults({ napi, version, optionalDependencies = {} }, files) {
  const platforms = Object.entries(optionalDependencies);
  return [
    ...missing([...MAIN_FILES, ...MAIN_FILES_NATIVE], files),
    ...files.filter((file) => !MAIN_ALLOWED.test(file)).map((file) => `${file} does not belong there`),
    ...(platforms.length === napi.targets.length
      ? []
      : [`${platforms.length} platform packages, not ${napi.targets.length}`]),
    ...platforms
      .filter(([, wanted]) => wanted !== version)
      .map(([name, wanted]) => `wants ${name} ${wanted}, not ${version}`),
  ];
}

function platformFaults({ main }, files) {
  const wanted = ['package.json', 'README.md', 'LICENSE', main];
  return [
    ...missing(wanted, files),
    ...files.filter((file) => !wanted.includes(file)).map((file) => `${file} does not belong there`),
    ...(main?.endsWith('.node') ? [] : [`its main file ${main} is not an addon`]),
  ];
}

/** A binding.gyp counts too: npm runs node-gyp for it unasked. */
function installScriptFaults({ scripts = {}, gypfile }, files) {
  const faults = INSTALL_SCRIPTS.filter((name) => name in scripts).map(
    (name) => `has the install script ${name}`,
  );
  return gypfile || files.includes('binding.gyp') ? [...faults, 'makes npm run node-gyp'] : faults;
}

function missing(wanted, files) {
  return wanted.filter((file) => !files.includes(file)).map((file) => `${file} is missing`);
}

function tar(...args) {
  return execFileSync('tar', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}
