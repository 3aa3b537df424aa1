import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A backy with one mistake in it. */
export interface Mutant {
  /** What it does wrong. */
  readonly name: string;
  /** The command that makes the mistake; the others are as they should be. */
  readonly command: 'init' | 'backup' | 'forget';
  /** Calls that it leaves out, as patterns of the shell. */
  readonly skip?: readonly string[];
  /** Text of a compiled file that is replaced by another. */
  readonly patch?: { readonly file: string; readonly from: string; readonly to: string };
  /** It reports success when it prints this, and not at its end. */
  readonly reportsBy?: string;
}

const SEAL = `    await engine.sealFiles([
        { from: files.partialImage, to: files.image },
        { from: files.partialIndex, to: files.index },
    ]);
`;
const RECORD = '    await engine.sealFiles([{ from: files.unfinished, to: files.record }]);\n';
const COMPLETE = '    await engine.replaceFile(files.unfinished, formatRecord(record), SEALED_MODE);\n';
const ANNOUNCE = "        await announce(engine, layout, uuid, 'revision', plan.startedAt);\n";
const sealFile = 'repository/seal-revision.js';
const trashFile = 'repository/trash.js';
const removeFile = 'operations/removal/removing.js';
const RECORDS_GO = '    await moveFiles(engine, recordMoves(layout, batch, ids));\n';
const DATA_GO = '    await moveFiles(engine, dataMoves(layout, batch, ids));\n';
const MOVED = 'await updateLinks(engine, layout, [...plan.revisions, record]);';
const takeFile = 'operations/backup/take-revision.js';

/**
 * A backup syncs the names of its repository for the unfinished record, the list of snapshots, the whole record in the place
 * of the unfinished one, image and index, the record, the list of snapshots again, and the links.
 */
function namesOf(step: number): string {
  return `${step}:fsync */repository`;
}

/** Each fsync left out, each pair of steps swapped, success reported early. */
export const MUTANTS: readonly Mutant[] = [
  { name: 'no fsync at all', command: 'backup', skip: ['fsync *'] },
  { name: 'image not synced', command: 'backup', skip: ['fsync *[0-9a-f].partial'] },
  { name: 'index not synced', command: 'backup', skip: ['fsync *.hashes.partial'] },
  { name: 'image and index not synced', command: 'backup', skip: ['fsync *.partial'] },
  { name: 'names of image and index not synced', command: 'backup', skip: [namesOf(4)] },
  { name: 'record not synced', command: 'backup', skip: ['fsync */repository/.tmp-*'] },
  { name: 'name of the record not synced', command: 'backup', skip: [namesOf(5), namesOf(6)] },
  { name: 'links not synced', command: 'backup', skip: [namesOf(7)] },
  { name: 'directory never synced', command: 'backup', skip: ['fsync */repository'] },
  { name: 'configuration not synced', command: 'init', skip: ['fsync */repository/.tmp-*'] },
  { name: 'name of the configuration not synced', command: 'init', skip: ['fsync */repository'] },
  { name: 'trash not synced', command: 'forget', skip: ['fsync */.trash*'] },
  { name: 'removal not synced', command: 'forget', skip: ['fsync *'] },
  { name: 'name of the unfinished record not synced', command: 'backup', skip: [namesOf(1)] },
  {
    name: 'unfinished record never written',
    command: 'backup',
    patch: { file: takeFile, from: ANNOUNCE, to: '' },
  },
  {
    name: 'record completed after its commit',
    command: 'backup',
    patch: {
      file: sealFile,
      from: COMPLETE + SEAL + RECORD,
      to: `${SEAL}${RECORD}${COMPLETE.replace('files.unfinished', 'files.record')}`,
    },
  },
  {
    name: 'record before image and index',
    command: 'backup',
    patch: { file: sealFile, from: SEAL + RECORD, to: RECORD + SEAL },
  },
  {
    name: 'links before the record',
    command: 'backup',
    patch: {
      file: takeFile,
      from: '        await sealRevision(engine, layout, record);',
      to: `        ${MOVED}\n        await sealRevision(engine, layout, record);`,
    },
  },
  {
    name: 'image and index into the trash before the record',
    command: 'forget',
    patch: { file: trashFile, from: RECORDS_GO + DATA_GO, to: DATA_GO + RECORDS_GO },
  },
  {
    name: 'success reported before the seal',
    command: 'backup',
    patch: { file: sealFile, from: SEAL, to: `    await sayDone();\n${SEAL}` },
    reportsBy: 'done',
  },
  {
    name: 'success reported before the removal',
    command: 'forget',
    patch: {
      file: removeFile,
      from: '    const { revisions } = await readRevisions(layout);\n',
      to: '    await sayDone();\n    const { revisions } = await readRevisions(layout);\n',
    },
    reportsBy: 'done',
  },
];

/** What a mutant that reports early says, and time for somebody to hear it. */
const SAY_DONE = `
async function sayDone() {
    process.stdout.write('done\\n');
    await new Promise((resolve) => setTimeout(resolve, 300));
}
`;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Makes a copy of the compiled program with the mistake in it. @returns the path of the program to run */
export function buildMutant({ name, patch }: Mutant, home: string): string {
  const inside = (...names: readonly string[]): string => join(home, ...names);
  mkdirSync(home);
  for (const part of ['bin', 'dist', 'package.json'])
    cpSync(join(ROOT, part), inside(part), { recursive: true });
  for (const part of ['native', 'node_modules']) symlinkSync(join(ROOT, part), inside(part));
  if (!patch) return inside('bin/backy.js');
  const path = inside('dist', patch.file);
  const text = readFileSync(path, 'utf8');
  if (!text.includes(patch.from)) throw new Error(`the mutant "${name}" does not fit ${patch.file} any more`);
  writeFileSync(path, text.replace(patch.from, () => patch.to) + SAY_DONE);
  return inside('bin/backy.js');
}
