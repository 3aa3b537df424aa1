import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { DOCUMENTS, readShapes } from '../../scripts/lib/reference/json-model.mjs';
import { addCommands, createProgram } from '../../src/cli/program.ts';
import { Service } from '../../src/service/daemon/service.ts';
import { randomBytes } from '../helpers/bytes.ts';
import { createRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const shapes = readShapes();
const page = readFileSync(
  fileURLToPath(new URL('../../docs/reference/json.md', import.meta.url)),
  'utf8',
).replace(/\s+/g, ' ');

/** Compares the keys of a document, and of all objects in it, with what the reference says of their types. */
function expectDescribed(value: unknown, type: string, where: string): void {
  if (Array.isArray(value)) {
    const [, element = ''] = /^readonly \(?(.+?)\)?\[\]/.exec(type) ?? [];
    for (const each of value) expectDescribed(each, element, `${where}[]`);
    return;
  }
  const name = type.replace(' | null', '');
  const shape = shapes.get(name);
  if (shape === undefined || typeof value !== 'object' || value === null) return;
  const keys = Object.keys(value);
  const known = shape.fields.map((field) => field.name);
  expect(
    keys.filter((key) => !known.includes(key)),
    where,
  ).toEqual([]);
  const needed = shape.fields.filter(({ isOptional }) => !isOptional).map((field) => field.name);
  expect(keys, where).toEqual(expect.arrayContaining(needed));
  for (const field of shape.fields) {
    expect(page).toContain(`- \`${field.name}${field.isOptional ? '?' : ''}: ${field.type}\``);
    expectDescribed(
      Object.entries(value).find(([key]) => key === field.name)?.[1],
      field.type,
      `${where}.${field.name}`,
    );
  }
}

it('every command prints the document that the reference describes', async () => {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  const directory = join(scratch, 'repository');
  const target = join(scratch, 'target.img');
  writeFileSync(source, randomBytes(300_000));
  const printed = new Set<string>();
  const repository = await createRepository(directory, source);
  const ask = async (document: string, ...args: readonly string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await repository.backy('--json', ...args);
    const [line = '', ...more] = stdout.split('\n');
    expect(more, document).toEqual(['']);
    printed.add(document);
    const value = JSON.parse(line);
    expectDescribed(value, DOCUMENTS.get(document) ?? '', document);
    return value;
  };

  rmSync(join(directory, 'config'));
  await ask('init', 'init', 'file', source);
  await ask('backup', 'backup');
  await ask('backup', 'backup');
  writeFileSync(source, randomBytes(300_000));
  await ask('backup', 'backup', 'manual:second');
  await ask('backup', 'backup', 'manual:third');
  await ask('restore', 'restore', target);
  await ask('restore --abandon', 'restore', '--abandon', target);
  await ask('find', 'find');
  await ask('verify', 'verify');
  await ask('tags', 'tags', 'add', 'manual:tag');
  await ask('hold', 'hold', 'audit', '--until', '2999-01-31');
  await ask('status', 'status');
  await ask('release', 'release');
  await ask('distrust', 'distrust', '-r', '1', '-n');
  await ask('expire', 'expire', '-n');
  await ask('forget', 'forget', '-r', '0');
  await ask('status', 'status');
  await ask('undelete', 'undelete', '-r', 'all');
  const { record } = await ask('find', 'find', '-r', 'first');
  const { uuid } = record as { uuid: string };
  renameSync(join(directory, `${uuid}.rev`), join(scratch, 'lost.rev'));
  await ask('status', 'status');
  await ask('adopt', 'adopt');
  await ask('schedule', 'schedule', '30');
  await ask('purge', 'purge');
  await ask('doctor', 'doctor');
  await ask('retire', 'retire');
  expect(await repository.backy('--json', '-b', scratch, 'status', '--all')).toMatchObject({ exitCode: 0 });
  await ask('status --all', '-b', scratch, 'status', '--all');

  const conf = join(scratch, 'backy.conf');
  mkdirSync(join(scratch, 'base'));
  writeFileSync(
    conf,
    `global: {base-dir: ${join(scratch, 'base')}, include: 'backy.d/*.yml'}\nschedules: {default: {daily: {interval: 1d, keep: 9}}}\n`,
  );
  await ask('add', '-c', conf, 'add', 'web1', 'file', source);
  await ask('config', '-c', conf, 'config', 'check');
  await ask('run', '-c', conf, 'run', 'web1');
  const service = await Service.start(conf, { version: '3' });
  await ask('pause', '-c', conf, 'pause', 'web1', '--reason', 'moving');
  await ask('resume', '-c', conf, 'resume', 'web1');
  await service.stop();
  await ask('jobs', '-c', conf, 'jobs');
  await ask('check', '-c', conf, 'check');

  expect([...printed].sort()).toEqual([...DOCUMENTS.keys()].sort());
  const program = createProgram('');
  await addCommands(program, async () => {});
  // The service has a log instead of a document.
  const commands = new Set(['scheduler', ...[...DOCUMENTS.keys()].map((document) => document.split(' ')[0])]);
  expect([...commands].sort()).toEqual(program.commands.map((command) => command.name()).sort());
});
