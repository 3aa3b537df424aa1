import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { platformName } from '../../../src/native/load-addon.ts';
import { RECORD_SUFFIX, UNFINISHED_SUFFIX } from '../../../src/repository/layout.ts';

/**
 * A mistake in the calls of the engine. Each pattern matches the name of a call and the names of its files, such as
 * `sealFiles UUID.rev`.
 */
export interface Mistake {
  /** Calls that are left out, and report success. */
  readonly leaveOut?: string;
  /** Calls that report success at once, and are made after another one, with another end of their file's name. */
  readonly hold?: {
    readonly call: string;
    readonly until: string;
    readonly rename?: readonly [from: string, to: string];
  };
  /** The call before which success is reported. */
  readonly reportBefore?: string;
}

/** A backy with one mistake in it. */
export interface Mutant {
  /** The mistake, in words. */
  readonly name: string;
  /** The command that makes the mistake; the others are as they should be. */
  readonly command: 'init' | 'backup' | 'forget';
  /** Calls that it leaves out, as patterns of the shell. */
  readonly skip?: readonly string[];
  /** Calls of the engine that it makes in another way. */
  readonly mistake?: Mistake;
  /** It reports success when it prints this, and not at its end. */
  readonly reportsBy?: string;
}

/** The call that gives a record its name: the commit. */
const SEALS_RECORD = '^sealFiles .*[.]rev$';

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
    mistake: { leaveOut: `^createFile .*${UNFINISHED_SUFFIX}$` },
  },
  {
    name: 'record completed after its commit',
    command: 'backup',
    mistake: {
      hold: {
        call: `^replaceFile .*${UNFINISHED_SUFFIX}$`,
        until: SEALS_RECORD,
        rename: [UNFINISHED_SUFFIX, RECORD_SUFFIX],
      },
    },
  },
  {
    name: 'record before image and index',
    command: 'backup',
    mistake: { hold: { call: '^sealFiles .*[.]hashes$', until: SEALS_RECORD } },
  },
  {
    name: 'links before the record',
    command: 'backup',
    mistake: { hold: { call: '^sealFiles ', until: '^replaceLinks ' } },
  },
  {
    name: 'image and index into the trash before the record',
    command: 'forget',
    mistake: { hold: { call: '^moveFiles .*[.]rev$', until: '^moveFiles .*[.]hashes' } },
  },
  {
    name: 'success reported before the seal',
    command: 'backup',
    mistake: { reportBefore: '^sealFiles ' },
    reportsBy: 'done',
  },
  {
    name: 'success reported before the removal',
    command: 'forget',
    mistake: { reportBefore: '^(replaceLinks|moveFiles) ' },
    reportsBy: 'done',
  },
];

const ROOT = new URL('../../../', import.meta.url);

/** Writes a program that runs backy with the mistake in its engine. @returns the path of the program */
export function buildMutant({ mistake }: Mutant, home: string): string {
  const program = fileURLToPath(new URL('bin/backy.js', ROOT));
  if (!mistake) return program;
  const path = join(home, 'mutant.mjs');
  const mutator = new URL('mutate-engine.mjs', import.meta.url);
  const lines = [
    `import { mutateEngine } from ${JSON.stringify(mutator.href)};`,
    `mutateEngine(${JSON.stringify(addonPath())}, ${JSON.stringify(mistake)});`,
    `await import(${JSON.stringify(pathToFileURL(program).href)});`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** The addon of the checkout. */
function addonPath(): string {
  return fileURLToPath(new URL(`native/backy.${platformName()}.node`, ROOT));
}
