import { mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RevisionRecord } from '../../../src/domain/revision.ts';
import { type Context, createContext, type LogLevel } from '../../../src/operations/context.ts';
import { formatRecord } from '../../../src/repository/sealed-record.ts';
import { type FakeEngine, fakeEngine } from '../fake-engine.ts';
import { scratchDirectory } from '../scratch.ts';

/** A repository with a source of 100 bytes, a fake engine, and a clock that stands still until it is set. */
export interface Workbench {
  readonly directory: string;
  readonly source: string;
  readonly engine: FakeEngine;
  readonly context: Context;
  readonly log: (readonly [LogLevel, string])[];
  /** The time of the clock. */
  now: Date;
  /** Puts a revision into the repository. */
  add(record: RevisionRecord): void;
  /** The names of the repository's files, without those that never change. */
  names(): readonly string[];
  /** The target of `last`. */
  last(): string;
  warnings(): readonly string[];
}

const CONSTANT = ['.last-run', '.snapshots', 'backy.log', 'config'];

export function workbench(): Workbench {
  const scratch = scratchDirectory();
  const [directory, source] = [join(scratch, 'repository'), join(scratch, 'disk.img')];
  mkdirSync(directory);
  writeFileSync(source, 'x'.repeat(100));
  const rule = (interval: string): object => ({ interval, keep: 3 });
  const config = {
    source: { type: 'file', filename: source },
    schedule: { daily: rule('1d'), weekly: rule('7d') },
  };
  writeFileSync(join(directory, 'config'), JSON.stringify(config));
  const engine = fakeEngine();
  const log: Workbench['log'] = [];
  const bench: Workbench = {
    directory,
    source,
    engine,
    log,
    now: new Date('2026-03-01T12:00:00Z'),
    context: createContext(directory, {
      clock: () => bench.now,
      log: (level, message) => log.push([level, message]),
      engine: async () => engine,
    }),
    add: (record) => {
      for (const suffix of ['', '.hashes']) writeFileSync(join(directory, record.uuid + suffix), 'old');
      writeFileSync(join(directory, `${record.uuid}.rev`), formatRecord(record));
    },
    names: () =>
      readdirSync(directory)
        .filter((name) => !CONSTANT.includes(name))
        .sort(),
    last: () => readlinkSync(join(directory, 'last')),
    warnings: () => log.filter(([level]) => level === 'warning').map(([, message]) => message),
  };
  return bench;
}
