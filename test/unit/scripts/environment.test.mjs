import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { TEST_VARIABLES, VARIABLES } from '../../../scripts/lib/reference/environment.mjs';
import { errorTable } from '../../../src/errors.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Names that are neither variables nor codes of the table. */
const OTHERS = ['BACKY_FUTURE', 'BACKY_NODE_UNSUPPORTED'];

it('the page of environment variables names each one that a source reads', () => {
  const files = execFileSync('git', ['ls-files', 'src', 'bin', 'crates', 'scripts', 'test', 'bench', '.ci'], {
    cwd: root,
    encoding: 'utf8',
  });
  const sources = files.split('\n').filter((path) => /(^|\/)[^.]+$|\.(ts|mjs|js|rs|sh)$/.test(path));
  const texts = sources.map((path) => (path === '' ? '' : readFileSync(`${root}/${path}`, 'utf8')));
  const names = new Set(texts.flatMap((text) => text.match(/\bBACKY_[A-Z]+(_[A-Z]+)*\b/g) ?? []));
  for (const name of [...errorTable().keys(), ...OTHERS]) names.delete(name);

  const described = [...VARIABLES, ...TEST_VARIABLES].map(({ name }) => name);
  expect([...names].sort()).toEqual(described.filter((name) => name.startsWith('BACKY_')).sort());
  const page = readFileSync(`${root}/docs/reference/environment.md`, 'utf8');
  for (const name of described) expect(page).toContain(`| \`${name}\` |`);
});
