import { readFileSync } from 'node:fs';
import { satisfies } from 'semver';
import { expect, it } from 'vitest';

/** The oldest Node of each line on which CONTRIBUTING.md promises that `npm install` works without a warning. */
const OLDEST = ['20.19.0', '22.13.0', '24.0.0'];
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));

it('installs only packages that support the oldest Node of each line', () => {
  const refused = Object.entries(packages).flatMap(([path, { engines }]) =>
    OLDEST.filter((node) => !satisfies(node, engines?.node ?? '*')).map((node) => `${path} on Node ${node}`),
  );

  expect(refused).toEqual([]);
});

// npm has dropped an overridden package from an existing lock file without a word.
it('locks every version that package.json overrides', () => {
  const { overrides } = JSON.parse(readFileSync('package.json', 'utf8'));
  const locked = Object.keys(overrides).map((name) => [name, packages[`node_modules/${name}`]?.version]);

  expect(Object.fromEntries(locked)).toEqual(overrides);
});
