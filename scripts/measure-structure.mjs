#!/usr/bin/env node
/**
 * Prints a table of how backy is built: files in each folder, floors, arrows up and circles among rooms, lines of code,
 * comments that begin with a subordinate clause, longest functions, and how often the words of the glossary are used.
 *
 *     node scripts/measure-structure.mjs
 */

import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOT, say } from './lib/run.mjs';
import { functionsIn } from './lib/structure/functions.mjs';
import { arrowsUp, countFloors, declaredOrder, graphOf, roomsInCircles } from './lib/structure/rooms.mjs';
import { commentLines, countCode, rustSources, typeScriptSources } from './lib/structure/sources.mjs';

const LONG_FUNCTION = 40;
const CLAUSE = /^(What|Who|Whose|Where|That|Why|How|Of)\b/;

const typeScript = typeScriptSources();
const engine = rustSources('backy-core');
const binding = rustSources('backy-node');
const parts = [
  ['TypeScript', typeScript],
  ['engine', engine],
  ['binding', binding],
];

const topRoom = (path) => path.split('/')[0].replace(/\.(ts|rs)$/, '');
const roomsOf = (part) => (path) => {
  const [first, room, file] = path.split('/');
  return first === part && file !== undefined ? room : undefined;
};
const houses = [
  ['src', graphOf(typeScript, topRoom), declaredOrder('MAY_IMPORT')],
  ['src/operations', graphOf(typeScript, roomsOf('operations')), declaredOrder('ROOMS_OF_OPERATIONS')],
  ['src/service', graphOf(typeScript, roomsOf('service')), declaredOrder('ROOMS_OF_SERVICE')],
  [
    'engine',
    graphOf(
      engine.filter(({ path }) => path !== 'lib.rs'),
      topRoom,
    ),
    declaredOrder('ROOMS_OF_ENGINE'),
  ],
];

table(
  'Rooms',
  ['house', 'rooms', 'floors', 'arrows up', 'rooms in circles'],
  houses.map(([name, graph, order]) => [
    name,
    graph.size,
    countFloors(graph),
    names(arrowsUp(graph, order)),
    names(roomsInCircles(graph)),
  ]),
);
table(
  'Sources, without tests',
  ['part', 'files', 'lines of code', 'lines of comments', 'begin with What, Who, Where, That, Why, How, Of'],
  parts.map(([name, sources]) => {
    const comments = sources.flatMap(commentLines);
    const clauses = comments.filter((line) => CLAUSE.test(line)).length;
    const share = ((100 * clauses) / comments.length).toFixed(1);
    return [name, sources.length, sum(sources.map(countCode)), comments.length, `${clauses} (${share} %)`];
  }),
);
table('Files in each folder', ['folder', 'files'], folders());
table(
  `Longest functions (${LONG_FUNCTION} lines are the limit)`,
  ['function', 'file', 'lines'],
  parts
    .flatMap(([, sources]) => sources.flatMap(functionsIn))
    .sort((one, other) => other.lines - one.lines)
    .slice(0, 10)
    .map(({ name, path, lines }) => [name, path, lines]),
);
table('Words of the glossary', ['word', 'in sources'], glossary());

function folders() {
  const homes = { TypeScript: 'src', engine: 'crates/backy-core/src', binding: 'crates/backy-node/src' };
  const counts = new Map();
  for (const [name, sources] of parts)
    for (const { path } of sources) {
      const folder = posix.join(homes[name], posix.dirname(path));
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
  return [...counts].sort(([one], [other]) => one.localeCompare(other));
}

/** Words are counted in whatever form: `sealed` is one of `seal`. */
function glossary() {
  const architecture = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
  const [, section = ''] = /^## Words\n([\s\S]*?)(?=^## )/m.exec(architecture) ?? [];
  const words = new Set([...section.matchAll(/\*(\w+)\*/g)].map(([, word]) => word));
  const text = parts.flatMap(([, sources]) => sources.map((source) => source.text)).join('\n');
  return [...words].map((word) => [word, text.match(new RegExp(word, 'gi'))?.length ?? 0]);
}

function table(title, head, rows) {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  say([`## ${title}`, '', line(cells[0]), rule, ...cells.slice(1).map(line), ''].join('\n'));
}

function names(list) {
  return list.length === 0 ? '0' : `${list.length}: ${list.join(', ')}`;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
