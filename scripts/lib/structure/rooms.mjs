/** Which room needs which, and how they stand above each other. */

import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOT } from '../run.mjs';

/** @typedef {ReadonlyMap<string, ReadonlySet<string>>} Graph a room and the rooms that it uses */

/** The order of the rooms from the ground up, as test/unit/architecture.test.ts keeps it. */
export function declaredOrder(/** @type {string} */ name) {
  const test = readFileSync(join(ROOT, 'test/unit/architecture.test.ts'), 'utf8');
  const [, body = ''] = new RegExp(`const ${name}[^=]*= [[{]\\n([\\s\\S]*?)\\n[\\]}];`).exec(test) ?? [];
  return [...body.matchAll(/^ {2}'?([\w-]+)'?/gm)].map(([, room]) => room);
}

/** @returns {Graph} */
export function graphOf(
  /** @type {readonly import('./sources.mjs').Source[]} */ sources,
  /** @type {(path: string) => string | undefined} */ roomOf,
) {
  const graph = new Map();
  for (const source of sources) {
    const room = roomOf(source.path);
    if (room === undefined) continue;
    const used = graph.get(room) ?? graph.set(room, new Set()).get(room);
    for (const path of source.isRust ? rustUses(source) : typeScriptUses(source)) {
      const other = roomOf(path);
      if (other !== undefined && other !== room) used.add(other);
    }
  }
  return graph;
}

/** The arrows from a room to one that is not below it. */
export function arrowsUp(/** @type {Graph} */ graph, /** @type {readonly string[]} */ order) {
  return [...graph].flatMap(([room, used]) =>
    [...used]
      .filter((other) => order.indexOf(other) >= order.indexOf(room))
      .map((other) => `${room} → ${other}`),
  );
}

/** The rooms that can be reached from themselves. */
export function roomsInCircles(/** @type {Graph} */ graph) {
  return [...graph.keys()].filter((room) => reach(graph, room).has(room));
}

/** The number of floors that the rooms take, when each stands right above the highest that it uses; circles count once. */
export function countFloors(/** @type {Graph} */ graph) {
  const floor = (/** @type {string} */ room, /** @type {readonly string[]} */ above) =>
    1 +
    [...(graph.get(room) ?? [])]
      .filter((used) => !above.includes(used) && used !== room)
      .reduce((highest, used) => Math.max(highest, floor(used, [...above, room])), 0);
  return Math.max(...[...graph.keys()].map((room) => floor(room, [])));
}

function reach(/** @type {Graph} */ graph, /** @type {string} */ from) {
  const found = new Set();
  const open = [from];
  while (open.length > 0)
    for (const room of graph.get(open.pop()) ?? [])
      if (!found.has(room)) {
        found.add(room);
        open.push(room);
      }
  return found;
}

function typeScriptUses({ path, text }) {
  const specifiers = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, specifier]) => specifier);
  return specifiers.map((specifier) => posix.join(posix.dirname(path), specifier));
}

/** `crate::a::b` and `use crate::{a::b, c}` as paths that begin with the module. */
function rustUses({ text }) {
  const code = text.replace(/\/\/.*$/gm, '');
  const single = [...code.matchAll(/\bcrate::(\w+)/g)].map(([, module]) => module);
  const groups = [...code.matchAll(/\buse\s+crate::\{([^;]*)\};/g)].flatMap(([, inside]) =>
    inside
      .replace(/\{[^{}]*\}/g, '')
      .replace(/\{[^{}]*\}/g, '')
      .split(',')
      .map((branch) => branch.trim().split('::')[0]),
  );
  return [...single, ...groups].filter((module) => /^[a-z]/.test(module)).map((module) => `${module}/`);
}
