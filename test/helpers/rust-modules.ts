import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

/** The files of a crate by their paths below `src`, without their tests. */
export type Crate = ReadonlyMap<string, string>;

/** Reads the files of a crate, except those that `isTest` names. @param home its `src` */
export function readCrate(home: string, isTest: RegExp): Crate {
  const names = readdirSync(home, { recursive: true, encoding: 'utf8' }).map((name) =>
    name.split(sep).join('/'),
  );
  const product = names.filter((name) => name.endsWith('.rs') && !isTest.test(name));
  return new Map(product.map((name) => [name, withoutTests(readFileSync(join(home, name), 'utf8'))]));
}

/** The other files of the crate whose names a file uses. */
export function filesUsedBy(crate: Crate, name: string): readonly string[] {
  const used = pathsUsedIn(crate.get(name) ?? '').flatMap((path) => fileOf(crate, name, path) ?? []);
  return [...new Set(used)].filter((other) => other !== name);
}

function withoutTests(text: string): string {
  const [product = ''] = text.split(/^#\[cfg\((?:all\()?test\b[^\n]*\]\nmod tests/m);
  return product;
}

/** The paths of this crate in a text of Rust: those of `use`, one by one, and those in the code. Comments do not count. */
export function pathsUsedIn(text: string): readonly string[] {
  const code = text.replace(/\/\/.*$/gm, '');
  const uses = [...code.matchAll(/\buse\s+([^;]+);/g)].flatMap(([, tree = '']) => leavesOf(tree));
  const rest = code.replace(/\buse\s[^;]*;/g, '');
  return [...uses, ...(rest.match(/\b(?:crate|super)(?:::\w+)+/g) ?? [])];
}

/** The single paths of the tree of a `use`. */
function leavesOf(tree: string): readonly string[] {
  const [, head = '', inside] = /^\s*([^{]*?)\s*(?:\{(.*)\}\s*)?$/s.exec(tree) ?? [];
  if (inside === undefined) return head === '' ? [] : [head.replace(/\s+as\s+\w+$/, '')];
  return branchesOf(inside).flatMap((branch) => leavesOf(branch).map((leaf) => head + leaf));
}

/** The parts between the commas that are in no inner braces. */
function branchesOf(inside: string): readonly string[] {
  let depth = 0;
  const branches = [''];
  for (const character of inside) {
    depth += character === '{' ? 1 : character === '}' ? -1 : 0;
    if (character === ',' && depth === 0) branches.push('');
    else branches.push((branches.pop() ?? '') + character);
  }
  return branches.map((branch) => branch.trim());
}

/** The file that a path leads to, as seen from another file; none for paths into other crates. */
export function fileOf(crate: Crate, from: string, path: string): string | undefined {
  const place = from
    .replace(/(^|\/)(mod|lib)\.rs$|\.rs$/, '')
    .split('/')
    .filter(Boolean);
  const steps = path.split('::');
  if (steps[0] === 'crate') place.length = 0;
  else if (steps[0] !== 'super' && !fileAt(crate, [...place, steps[0] ?? ''])) return undefined;
  for (const step of steps[0] === 'crate' ? steps.slice(1) : steps) {
    if (step === 'super') place.pop();
    else if (fileAt(crate, [...place, step])) place.push(step);
    else break;
  }
  return fileAt(crate, place);
}

function fileAt(crate: Crate, modules: readonly string[]): string | undefined {
  const path = modules.join('/');
  return [`${path}.rs`, path === '' ? 'lib.rs' : `${path}/mod.rs`].find((name) => crate.has(name));
}
