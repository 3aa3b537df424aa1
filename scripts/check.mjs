#!/usr/bin/env node

/**
 * `npm run check`: formatting, lints, types, whether all of it compiles for macOS, and whether the generated files in git
 * are what the sources say.
 * Each check counts one. The last line says how many passed and failed.
 */

import { say, stream } from './lib/run.mjs';
import { EMPTY, record, single, sum, summary } from './lib/tally.mjs';

const inCi = process.env.CI === 'true';

/** Written by `npm run build` and `npm run docs`; Cargo.lock by cargo. */
const GENERATED = [
  'native/index.d.ts',
  'docs/reference/cli.md',
  'docs/reference/errors.md',
  'docs/reference/environment.md',
  'docs/reference/json.md',
  'docs/reference/api.md',
  'man/backy.1',
  'completions/backy.bash',
  'completions/_backy',
  'completions/backy.fish',
  'Cargo.lock',
];

const CHECKS = [
  { name: 'rustfmt', needs: ['cargo', 'fmt', '--version'], steps: [['cargo', 'fmt', '--all', '--check']] },
  {
    name: 'clippy',
    needs: ['cargo', 'clippy', '--version'],
    steps: [['cargo', 'clippy', '--workspace', '--all-targets', '--', '-D', 'warnings']],
  },
  { name: 'biome', steps: [['npx', '--no-install', 'biome', 'ci']] },
  { name: 'tsc', steps: [['npx', '--no-install', 'tsc', '-p', 'tsconfig.json']] },
  { name: 'macOS', steps: [['scripts/check-macos.sh']] },
  {
    name: 'generated files',
    steps: [
      ['npm', 'run', 'build'],
      ['npm', 'run', 'docs'],
      ['git', 'ls-files', '--error-unmatch', '--', ...GENERATED],
      ['git', 'diff', '--exit-code', '--', ...GENERATED],
    ],
  },
];

/** The exit code of a check that this machine lacks something for. */
const SKIPPED = 77;

let tally = EMPTY;
for (const check of CHECKS) tally = sum(tally, await run(check));
record(tally);
say(summary(tally));
process.exitCode = tally.failed === 0 ? 0 : 1;

async function run({ name, needs, steps }) {
  if (needs && !(await stream(needs[0], needs.slice(1))).succeeded) return missing(name);
  for (const [command, ...args] of steps) {
    const { succeeded, exitCode } = await stream(command, args);
    if (succeeded) continue;
    // It has said why. A CI run that left a check out would be green for nothing.
    if (exitCode === SKIPPED && !inCi) return EMPTY;
    say(`not ok: ${name} (${[command, ...args].join(' ')})`);
    return single(false);
  }
  say(`ok: ${name}`);
  return single(true);
}

/** A developer may lack a component of Rust; a CI run that left a check out would be green for nothing. */
function missing(name) {
  say(`${inCi ? 'not ok' : 'skipped'}: ${name} is not installed (rustup component add ${name})`);
  return inCi ? single(false) : EMPTY;
}
