/** The lengths of functions. */

import ts from 'typescript';

/** @typedef {{ name: string, path: string, lines: number }} Length */

/** @returns {readonly Length[]} */
export function functionsIn(/** @type {import('./sources.mjs').Source} */ source) {
  return source.isRust ? rustFunctions(source) : typeScriptFunctions(source);
}

/** A function ends where its closing brace stands in the column of its first word: rustfmt sees to that. */
function rustFunctions({ path, text }) {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    const [, indent, name] =
      /^(\s*)(?:pub(?:\([^)]*\))? )?(?:const |unsafe |extern "C" )*fn (\w+)/.exec(line) ?? [];
    if (name === undefined) return [];
    const end = lines.findIndex((other, place) => place >= at && other === `${indent}}`);
    return line.endsWith('}') || line.endsWith(';') || end === -1
      ? []
      : [{ name, path, lines: end - at + 1 }];
  });
}

function typeScriptFunctions({ path, text }) {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body) {
      const [start, end] = [node.getStart(), node.end].map(
        (place) => file.getLineAndCharacterOfPosition(place).line,
      );
      const name = node.name ?? node.parent.name;
      found.push({ name: name?.getText() ?? 'a callback', path, lines: end - start + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}
