import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { functionsIn } from '../../../scripts/lib/structure/functions.mjs';
import {
  arrowsUp,
  countFloors,
  declaredOrder,
  graphOf,
  roomsInCircles,
} from '../../../scripts/lib/structure/rooms.mjs';

const room = (path) => path.split('/')[0];

describe('the measure of the structure', () => {
  const sources = [
    { path: 'cli/main.ts', text: "import { x } from '../domain/x.ts';\nawait import('../errors/y.ts');" },
    { path: 'domain/x.ts', text: "export { y } from '../errors/y.ts';" },
    { path: 'errors/y.ts', text: '' },
  ];

  it('counts floors, and finds neither circles nor arrows up where there are none', () => {
    const graph = graphOf(sources, room);
    expect(countFloors(graph)).toBe(3);
    expect(arrowsUp(graph, ['errors', 'domain', 'cli'])).toEqual([]);
    expect(roomsInCircles(graph)).toEqual([]);
  });

  it('finds an arrow up, and a circle of any length, in both languages', () => {
    const rust = [
      { path: 'bytes/a.rs', isRust: true, text: 'use crate::{\n    disk::{b, c::{d}},\n    error::E,\n};' },
      { path: 'disk/b.rs', isRust: true, text: 'fn f() { crate::image::open() } // crate::check' },
      { path: 'image/c.rs', isRust: true, text: 'use crate::bytes::a;' },
      { path: 'check/d.rs', isRust: true, text: '' },
    ];
    const graph = graphOf(rust, room);
    expect(arrowsUp(graph, ['error', 'bytes', 'disk', 'image', 'check'])).toEqual([
      'bytes → disk',
      'disk → image',
    ]);
    expect(roomsInCircles(graph)).toEqual(['bytes', 'disk', 'image']);
  });

  it('reads the order of the rooms from the test that keeps it', () => {
    expect(declaredOrder('MAY_IMPORT')).toEqual(expect.arrayContaining(['errors', 'domain', 'cli']));
    expect(declaredOrder('ROOMS_OF_ENGINE')[0]).toBe('bytes');
  });

  it('knows how long functions are', () => {
    const rust = 'impl A {\n    pub(crate) fn long(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n}\n';
    const typeScript = 'export const arrow = () => {\n  x();\n};\nfunction other(): void {}\n';
    expect(functionsIn({ path: 'a.rs', text: rust, isRust: true })).toMatchObject([
      { name: 'long', lines: 5 },
    ]);
    expect(functionsIn({ path: 'a.ts', text: typeScript })).toMatchObject([
      { name: 'arrow', lines: 3 },
      { name: 'other', lines: 1 },
    ]);
  });

  it('prints its tables', () => {
    const script = fileURLToPath(new URL('../../../scripts/measure-structure.mjs', import.meta.url));
    const printed = execFileSync(process.execPath, [script], { encoding: 'utf8' });
    expect(printed.match(/^## .*/gm)).toHaveLength(5);
    expect(printed).toMatch(/^\| engine +\| \d+ +\| \d+ +\| 0 +\| 0 +\|$/m);
  });
});
