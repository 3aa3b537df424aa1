/** The JSON document of each command, read from the interfaces in src that describe it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../run.mjs';

/**
 * @typedef {{ name: string, isOptional: boolean, type: string, meaning: string }} Field
 * @typedef {{ name: string, meaning: string, fields: readonly Field[] }} Shape
 */

/** The interface of the document that each command prints. */
export const DOCUMENTS = new Map([
  ['init', 'InitResult'],
  ['backup', 'BackupDocument'],
  ['status', 'Status'],
  ['status --all', 'FleetStatus'],
  ['restore', 'RestoreResult'],
  ['restore --abandon', 'AbandonResult'],
  ['find', 'FoundRevision'],
  ['verify', 'VerifyResult'],
  ['expire', 'ExpireResult'],
  ['forget', 'ForgetResult'],
  ['adopt', 'AdoptResult'],
  ['undelete', 'UndeleteResult'],
  ['tags', 'EditResult'],
  ['hold', 'EditResult'],
  ['release', 'EditResult'],
  ['distrust', 'EditResult'],
  ['schedule', 'SimulateResult'],
  ['purge', 'PurgeResult'],
  ['retire', 'RetireResult'],
  ['doctor', 'DoctorReport'],
  ['jobs', 'ServiceStatus'],
  ['run', 'RunsResult'],
  ['add', 'AddResult'],
  ['pause', 'JobResult'],
  ['resume', 'JobResult'],
  ['check', 'CheckReport'],
  ['config', 'ConfigResult'],
]);

const BACKUP = {
  name: 'BackupDocument',
  meaning: 'The outcome of a backup.',
  fields: [
    {
      name: 'record',
      isOptional: false,
      type: 'RevisionRecord | null',
      meaning: 'The new revision; null when nothing was due.',
    },
  ],
};

/** Reads all interfaces below src. @returns {ReadonlyMap<string, Shape>} by name */
export function readShapes() {
  const source = join(ROOT, 'src');
  const names = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const declarations = new Map();
  // Some names are used twice: those of the rules and operations count.
  const weight = (/** @type {string} */ name) => Number(/^(domain|operations)/.test(name));
  for (const name of names.sort().sort((one, other) => weight(one) - weight(other))) {
    const file = ts.createSourceFile(
      name,
      readFileSync(join(source, name), 'utf8'),
      ts.ScriptTarget.Latest,
      true,
    );
    for (const node of file.statements)
      if (ts.isInterfaceDeclaration(node)) declarations.set(node.name.text, node);
  }
  const shapes = new Map([...declarations].map(([name, node]) => [name, shapeOf(node, declarations)]));
  return shapes.set('BackupDocument', BACKUP);
}

/** The shapes that a document is made of, itself first. */
export function partsOf(
  /** @type {string} */ document,
  /** @type {ReadonlyMap<string, Shape>} */ shapes,
  /** @type {Set<string>} */ found = new Set(),
) {
  const shape = shapes.get(document);
  if (shape === undefined || found.has(document)) return found;
  found.add(document);
  for (const { type } of shape.fields)
    for (const name of type.match(/\b[A-Z]\w+/g) ?? []) partsOf(name, shapes, found);
  return found;
}

/** @returns {Shape} with the fields of what it extends */
function shapeOf(node, declarations) {
  const inherited = (node.heritageClauses ?? []).flatMap(({ types }) =>
    types.flatMap(({ expression }) => {
      const base = declarations.get(expression.getText());
      return base ? shapeOf(base, declarations).fields : [];
    }),
  );
  const own = node.members.filter(ts.isPropertySignature).map((member) => ({
    name: member.name.getText(),
    isOptional: member.questionToken !== undefined,
    type: (member.type?.getText() ?? '').replace(/\s+/g, ' '),
    meaning: meaningOf(member),
  }));
  const fields = new Map([...inherited, ...own].map((field) => [field.name, field]));
  return { name: node.name.text, meaning: meaningOf(node), fields: [...fields.values()] };
}

function meaningOf(/** @type {ts.Node} */ node) {
  const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  return (ts.getTextOfJSDocComment(comment?.comment) ?? '').replace(/\s+/g, ' ').trim();
}
