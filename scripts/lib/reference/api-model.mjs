/** The public names of the library, from the types that are shipped. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../run.mjs';

/**
 * Functions and classes first, then the types, both in the order of the file.
 *
 * @returns {readonly { name: string, meaning: string, text: string }[]}
 */
export function declarationsOf() {
  const path = join(ROOT, 'dist/index.d.ts');
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const named = file.statements.filter((node) => isExported(node) && node.name !== undefined);
  const isType = (node) => ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
  return [...named.filter((node) => !isType(node)), ...named.filter(isType)].map((node) => ({
    name: node.name.getText(),
    meaning: meaningOf(node),
    text: node
      .getText()
      .replace(/^export (declare )?/, '')
      .replaceAll('\t', '  '),
  }));
}

function isExported(node) {
  return (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Export) !== 0;
}

/** The comment with its tags, as running text. */
function meaningOf(/** @type {ts.Node} */ node) {
  const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  if (comment === undefined) return '';
  const text = ts.getTextOfJSDocComment(comment.comment) ?? '';
  const named = (comment.tags ?? []).filter((tag) => tag.tagName.text !== 'example');
  const tags = named.map((tag) => `\`@${tag.tagName.text}\` ${tagText(tag)}`);
  return [text, ...tags].join(' ').replace(/\s+/g, ' ').trim();
}

function tagText(tag) {
  const text = ts.getTextOfJSDocComment(tag.comment) ?? '';
  return tag.name === undefined ? text : `${tag.name.getText()} ${text}`;
}
