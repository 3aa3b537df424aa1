import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { fileOf, filesUsedBy, pathsUsedIn, readCrate } from '../helpers/rust-modules.ts';

const SOURCE = resolve(import.meta.dirname, '../../src');

/** The parts of src and the packages that each part may import. Node's own modules are free, except in the domain. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  'io-error': ['errors'],
  'plain-file': ['io-error'],
  domain: ['errors'],
  native: ['#native', 'domain', 'errors', 'io-error'],
  config: ['js-yaml', 'domain', 'errors', 'io-error', 'plain-file'],
  repository: ['js-yaml', 'native', 'domain', 'errors', 'io-error', 'plain-file'],
  sources: ['native', 'config', 'domain', 'errors', 'io-error'],
  operations: ['repository', 'sources', 'native', 'config', 'domain', 'errors', 'io-error'],
  service: [
    'js-yaml',
    'hono',
    'hono/body-limit',
    'hono/html',
    'hono/streaming',
    'hono/utils/http-status',
    '@hono/node-server',
    'prom-client',
    'operations',
    'repository',
    'sources',
    'native',
    'config',
    'domain',
    'errors',
    'io-error',
    'plain-file',
  ],
  cli: ['commander', 'cli-progress', 'service', 'operations', 'domain', 'errors', 'io-error', 'plain-file'],
  index: ['service', 'operations', 'native', 'config', 'domain', 'errors'],
};

/** The rooms of src/operations, and the rooms each may import. All may use the files beside the rooms that precede them. */
const ROOMS_OF_OPERATIONS: Readonly<Record<string, readonly string[]>> = {
  records: [],
  removal: ['records'],
  verify: [],
  restore: ['verify'],
  status: ['removal', 'restore'],
  backup: ['removal', 'verify', 'restore'],
};

/** These open a repository for a caller: they use all rooms, and no room uses them. */
const ABOVE_THE_ROOMS = ['init', 'call-options', 'open-repository'];

/** The rooms of src/service, and the rooms each may import. */
const ROOMS_OF_SERVICE: Readonly<Record<string, readonly string[]>> = {
  model: [],
  config: ['model'],
  state: ['model'],
  check: ['model', 'config', 'state'],
  runs: ['model', 'config'],
  notify: ['model', 'runs'],
  scheduler: ['model', 'state'],
  http: ['model', 'state'],
  client: ['model', 'config', 'state'],
  daemon: ['model', 'config', 'state', 'check', 'notify', 'scheduler', 'runs', 'http'],
};

/** Programs that backy starts as processes of their own. */
const PROGRAMS = ['sources/rbd/sample-program.ts'];

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => parse(join(SOURCE, name)));

describe('the house', () => {
  it('has no parts that this test does not know', () => {
    expect(new Set(files.map(partOf))).toEqual(new Set(Object.keys(MAY_IMPORT)));
  });

  it('imports one way', () => {
    const foreign = violations((file) => {
      const allowed = [partOf(file), ...(MAY_IMPORT[partOf(file)] ?? [])];
      const imported = importsOf(file).map((specifier) => origin(file, specifier));
      return imported.filter((from) => !allowed.includes(from) && !from.startsWith('node:'));
    });
    expect(foreign).toEqual([]);
  });

  it.each([
    { part: 'operations', rooms: ROOMS_OF_OPERATIONS, above: ABOVE_THE_ROOMS },
    { part: 'service', rooms: ROOMS_OF_SERVICE, above: [] },
  ])('imports one way between the rooms of src/$part', ({ part, rooms, above }) => {
    const inRooms = files.filter((file) => roomOf(part, file) in rooms);
    expect(Object.keys(rooms)).toEqual(
      expect.arrayContaining([...new Set(inRooms.map((file) => roomOf(part, file)))]),
    );
    const closed = [...Object.keys(rooms), ...above];
    const foreign = inRooms.flatMap((file) => {
      const allowed = [roomOf(part, file), ...(rooms[roomOf(part, file)] ?? [])];
      const imported = pathsImportedBy(file).map((fileName) => roomOf(part, { fileName }));
      return imported
        .filter((room) => closed.includes(room) && !allowed.includes(room))
        .map((room) => `${relative(SOURCE, file.fileName)}: ${room}`);
    });
    expect(foreign).toEqual([]);
  });

  it('has no two files that need each other, in whatever round', () => {
    const circles = circlesIn(new Map(files.map((file) => [file.fileName, pathsImportedBy(file)])));
    expect(circles.map((name) => relative(SOURCE, name))).toEqual([]);
  });

  it('asserts types in src/native alone', () => {
    const casts = violations((file) => (partOf(file) === 'native' ? [] : textsOf(file, isCast)));
    expect(casts).toEqual([]);
  });

  it('says any nowhere', () => {
    expect(violations((file) => textsOf(file, (node) => node.kind === ts.SyntaxKind.AnyKeyword))).toEqual([]);
  });

  it('prints and exits in src/cli and in programs of their own alone', () => {
    const forbidden = /^(console\.\w+|process\.(exit|exitCode|stdout|stderr))$/;
    const isForbidden = (node: ts.Node): boolean => forbidden.test(node.getText());
    const mayPrint = (file: ts.SourceFile): boolean =>
      partOf(file) === 'cli' || PROGRAMS.includes(relative(SOURCE, file.fileName));
    expect(violations((file) => (mayPrint(file) ? [] : textsOf(file, isForbidden)))).toEqual([]);
  });

  it('has a domain without clock, chance and input or output', () => {
    const impure = /\bnew Date\(\)|\bDate\.now\b|\bMath\.random\b|\bperformance\b|\bprocess[.[]|'node:[a-z]/g;
    const domain = files.filter((file) => partOf(file) === 'domain');
    expect(domain.flatMap((file) => file.text.match(impure) ?? [])).toEqual([]);
  });
});

const ENGINE = resolve(import.meta.dirname, '../../crates/backy-core/src');

/** The rooms of the engine from the ground up. Each may know those before it only; error.rs and lib.rs count as rooms. */
const ROOMS_OF_ENGINE: readonly string[] = [
  'bytes',
  'sys',
  'platform',
  'error',
  'work',
  'files',
  'disk',
  'image',
  'stream',
  'source',
  'check',
  'backup',
  'restore',
  'lib',
];

/** The engine, without the files that hold nothing but tests. */
const engine = readCrate(ENGINE, /^(fault_tests\/|sys\/faults\.rs$)/);

/** The room of a file of the engine, or the name of a file that is in none. */
const engineRoomOf = (name: string): string => name.split('/')[0]?.replace(/\.rs$/, '') ?? '';

describe('the engine', () => {
  it('makes its system calls in src/sys and src/platform alone', () => {
    const direct = /^use rustix::(fs|io)(;|::\{self)|\brustix::(fs|io)::[a-z_]+\(|^use std::fs(;|::\{self)/gm;
    const found = [...engine]
      .filter(([name]) => !/^(sys|platform)\//.test(name))
      .flatMap(([name, text]) => (text.match(direct) ?? []).map((use) => `${name}: ${use}`));
    expect(found).toEqual([]);
  });

  it('has every file in a room that this test knows', () => {
    expect(new Set([...engine.keys()].map(engineRoomOf))).toEqual(new Set(ROOMS_OF_ENGINE));
    const halls = [...engine.keys()].filter((name) => !name.includes('/'));
    expect(halls.toSorted()).toEqual(['error.rs', 'lib.rs']);
  });

  it('has rooms that know only those below them', () => {
    const upward = [...engine.keys()].flatMap((name) => {
      const floor = ROOMS_OF_ENGINE.indexOf(engineRoomOf(name));
      const others = filesUsedBy(engine, name).filter((used) => engineRoomOf(used) !== engineRoomOf(name));
      return others
        .filter((used) => ROOMS_OF_ENGINE.indexOf(engineRoomOf(used)) >= floor)
        .map((used) => `${name}: ${used}`);
    });
    expect(upward).toEqual([]);
  });

  it('has no two files that need each other, in whatever round', () => {
    expect(circlesIn(new Map([...engine.keys()].map((name) => [name, filesUsedBy(engine, name)])))).toEqual(
      [],
    );
  });

  it('has rooms that state their purpose with an example', () => {
    const silent = [...engine]
      .filter(([name]) => name.endsWith('/mod.rs'))
      .filter(([, text]) => !/^\/\/! .*\n(\/\/!.*\n)*\/\/! ```/.test(text));
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  it('finds the file behind each form of a Rust path', () => {
    expect(pathsUsedIn('use crate::files::{device::{self, Kind}, lock};')).toEqual([
      'crate::files::device::self',
      'crate::files::device::Kind',
      'crate::files::lock',
    ]);
    expect(pathsUsedIn('// use crate::a::B;\nlet x = crate::sys::io::close(y);')).toEqual([
      'crate::sys::io::close',
    ]);
    expect(fileOf(engine, 'platform/xfs.rs', 'super::ioctl::control')).toBe('platform/ioctl.rs');
    expect(fileOf(engine, 'restore/run.rs', 'crate::platform::sync')).toBe('platform/mod.rs');
    expect(fileOf(engine, 'restore/run.rs', 'crate::Error')).toBe('lib.rs');
    expect(fileOf(engine, 'platform/mod.rs', 'linux::*')).toBe('platform/linux.rs');
    expect(fileOf(engine, 'platform/xfs.rs', 'std::fs::File')).toBeUndefined();
  });
});

/** Removes files that use none of the rest, or that none of the rest uses, until no more can be removed. */
function circlesIn(uses: ReadonlyMap<string, readonly string[]>): readonly string[] {
  let rest = [...uses.keys()];
  for (let before = 0; before !== rest.length; ) {
    before = rest.length;
    const others = new Set(rest);
    const needed = new Set(rest.flatMap((name) => uses.get(name) ?? []));
    rest = rest.filter((name) => needed.has(name) && uses.get(name)?.some((used) => others.has(used)));
  }
  return rest;
}

/** Applies a rule to all files. Returns the findings, with the names of the files. */
function violations(rule: (file: ts.SourceFile) => readonly string[]): readonly string[] {
  return files.flatMap((file) => rule(file).map((text) => `${relative(SOURCE, file.fileName)}: ${text}`));
}

function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2023, true);
}

/** The folder of src that a file is in, or the name of a file that is in none. */
function partOf({ fileName }: { readonly fileName: string }): string {
  return relative(SOURCE, fileName).split(sep)[0]?.replace(/\.ts$/, '') ?? '';
}

/** The room of a part of src that a file is in, or the name of a file that is in none; empty outside of the part. */
function roomOf(part: string, { fileName }: { readonly fileName: string }): string {
  const [ofSource, room = ''] = relative(SOURCE, fileName).split(sep);
  return ofSource === part ? room.replace(/\.ts$/, '') : '';
}

function origin(file: ts.SourceFile, specifier: string): string {
  return specifier.startsWith('.')
    ? partOf({ fileName: resolve(file.fileName, '..', specifier) })
    : specifier;
}

/** The files of src among them. */
function pathsImportedBy(file: ts.SourceFile): readonly string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => resolve(file.fileName, '..', specifier));
}

function importsOf(file: ts.SourceFile): readonly string[] {
  return nodesOf(file).flatMap((node) => {
    const specifier = specifierOf(node);
    // Built programs end with .js.
    return specifier && ts.isStringLiteralLike(specifier)
      ? [specifier.text.replace(/^(\..*)\.js$/, '$1.ts')]
      : [];
  });
}

/**
 * The file that a node depends on: by an import of any kind (static, dynamic, re-exporting, types alone), or by its URL,
 * as for a program that is started.
 */
function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isNewExpression(node) && isUrlInSource(node)) return node.arguments?.[0];
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal;
  const isImport = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return isImport ? node.arguments[0] : undefined;
}

/** Finds `new URL('./x.js', import.meta.url)`, unless the path leads out of src. */
function isUrlInSource({ expression, arguments: args }: ts.NewExpression): boolean {
  const [path, base] = args ?? [];
  if (expression.getText() !== 'URL' || base?.getText() !== 'import.meta.url') return false;
  if (!path || !ts.isStringLiteralLike(path)) return false;
  const { fileName } = path.getSourceFile();
  return !relative(SOURCE, resolve(fileName, '..', path.text)).startsWith('..');
}

function isCast(node: ts.Node): boolean {
  if (ts.isTypeAssertionExpression(node) || ts.isNonNullExpression(node)) return true;
  return ts.isAsExpression(node) && node.type.getText() !== 'const';
}

function textsOf(file: ts.SourceFile, matches: (node: ts.Node) => boolean): readonly string[] {
  return nodesOf(file)
    .filter(matches)
    .map((node) => node.getText(file));
}

function nodesOf(root: ts.Node): readonly ts.Node[] {
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  visit(root);
  return nodes;
}
