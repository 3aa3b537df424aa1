#!/usr/bin/env node
/**
 * Packs what a release would publish for this machine, from the build in this checkout:
 *
 *     node scripts/pack-local.mjs DIRECTORY
 *
 * DIRECTORY gets the tarballs of the main package, of this machine's platform package and of every package they
 * need at run time, so that `npm install --offline DIRECTORY/*.tgz` works with an empty cache. Prints their paths
 * as JSON: `{"main", "platform", "dependencies"}`. The checkout itself is left as it is.
 */

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fail, ROOT, readJson, say } from './lib/run.mjs';

const [directory] = process.argv.slice(2);
if (!directory) fail('usage: node scripts/pack-local.mjs DIRECTORY');

const manifest = readJson(join(ROOT, 'package.json'));
const addon = `${manifest.napi.binaryName}.${hostPlatform()}.node`;
for (const built of [`native/${addon}`, 'dist/index.js']) {
  if (!existsSync(join(ROOT, built))) fail(`${built} is not there: run npm run build`);
}

const scratch = mkdtempSync(join(tmpdir(), 'backy-pack-'));
try {
  say(JSON.stringify(packAll(resolve(directory)), null, 2));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function packAll(target) {
  mkdirSync(target, { recursive: true });
  const platformDirectories = createPlatformDirectories();
  const [main] = pack([stageMain(platformDirectories)], target);
  const [platform] = pack([stagePlatform()], target);
  return { main, platform, dependencies: pack(runtimeDependencies(), target) };
}

/** The same command as a release runs, on a copy of package.json, because it writes beside it. */
function createPlatformDirectories() {
  copyFileSync(join(ROOT, 'package.json'), join(scratch, 'package.json'));
  execFileSync('npx', ['--no-install', 'napi', 'create-npm-dirs', '--cwd', scratch], { cwd: ROOT });
  return readdirSync(join(scratch, 'npm')).map((name) => join(scratch, 'npm', name));
}

/** The main package as it is published: the working tree's, with the platform packages as optional dependencies. */
function stageMain(platformDirectories) {
  const [tarball] = pack([ROOT], scratch);
  execFileSync('tar', ['-xzf', tarball, '-C', scratch]);
  const staged = join(scratch, 'package');
  const names = platformDirectories.map((path) => readJson(join(path, 'package.json')).name);
  const optionalDependencies = Object.fromEntries(names.map((name) => [name, manifest.version]));
  writeFileSync(join(staged, 'package.json'), JSON.stringify({ ...manifest, optionalDependencies }, null, 2));
  return staged;
}

function stagePlatform() {
  const staged = join(scratch, 'npm', hostPlatform());
  copyFileSync(join(ROOT, 'native', addon), join(staged, addon));
  copyFileSync(join(ROOT, 'LICENSE'), join(staged, 'LICENSE'));
  return staged;
}

/** The installed packages that the main one needs at run time, directly or not. */
function runtimeDependencies() {
  const { packages } = readJson(join(ROOT, 'package-lock.json'));
  const isRuntime = ([path, entry]) =>
    path.startsWith('node_modules/') && !entry.dev && !entry.optional && !entry.devOptional;
  return Object.entries(packages)
    .filter(isRuntime)
    .map(([path]) => join(ROOT, path));
}

/** Packs package directories without running any of their scripts. */
function pack(directories, target) {
  const options = ['--json', '--ignore-scripts', '--pack-destination', target];
  const report = execFileSync('npm', ['pack', ...options, ...directories], {
    cwd: scratch,
    encoding: 'utf8',
  });
  return JSON.parse(report).map(({ filename }) => join(target, filename));
}

/** This machine in napi's words, for example `linux-x64-gnu`. */
function hostPlatform() {
  const name = `${process.platform}-${process.arch}`;
  if (process.platform !== 'linux') return name;
  process.report.excludeNetwork = true;
  const { glibcVersionRuntime } = process.report.getReport().header;
  return `${name}-${glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`;
}
