import {
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../../src/native/engine.ts';
import { backup } from '../../../src/operations/backup/backup.ts';
import { type Context, createContext, openContext } from '../../../src/operations/context.ts';
import { init } from '../../../src/operations/init.ts';
import { editTags } from '../../../src/operations/records/edit-tags.ts';
import { forget } from '../../../src/operations/removal/forget.ts';
import { layoutOf } from '../../../src/repository/layout.ts';
import { finishTrashMoves } from '../../../src/repository/trash-upkeep.ts';
import { readState, type State } from '../judge/state.ts';
import { isLong } from '../scale.ts';
import { flipByte, KIB, MIB, writeAt } from '../tests.ts';

/** A directory with a source and a repository, in which every trial of one kind begins anew. */
export interface Scene {
  readonly repository: string;
  readonly source: string;
  /** A file that is restored to. */
  readonly target: string;
  /** Everything above lies in here. */
  readonly directory: string;
  /** The revisions of the repository at the beginning. */
  readonly state: State;
  /** Puts everything back to the beginning; files are cloned, so nothing is copied. */
  reset(): void;
  /** The scene that begins with what is there now. */
  fromNow(): Promise<Scene>;
}

/** The history of a scene before its first trial. */
export interface SceneOptions {
  /** `empty`: a source alone. `new`: a repository without a revision. `old`: revisions, and some in the trash. */
  readonly history: 'empty' | 'new' | 'old';
  /** Whether the source has changed since the last backup. */
  readonly changed?: boolean;
  /** Whether backups read the source as it is, without a snapshot. */
  readonly live?: boolean;
  /** Whether the schedule has revisions to remove. */
  readonly expiring?: boolean;
  /** Whether an image has a bad block. */
  readonly damaged?: boolean;
  /** Whether the target holds another revision. */
  readonly occupied?: boolean;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Data in both of the two parts that threads take, the rest is hole. */
const SOURCE_BYTES = 34 * MIB;
const PLACES = [0, 3 * MIB, 33 * MIB];
const PLACE_KIB = 160;
/** Revisions that stay, and revisions that are in the trash. */
const KEPT = isLong ? 14 : 4;
const REMOVED = isLong ? 10 : 3;

/** Builds a scene below `parent`, which must share blocks. */
export async function createScene(
  engine: Engine,
  parent: string,
  random: () => number,
  options: SceneOptions,
): Promise<Scene> {
  const directory = join(parent, 'scene');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  const inside = (name: string): string => join(directory, name);
  const [repository, source, target] = [inside('repository'), inside('disk.img'), inside('target')];
  makeSource(source, random);
  if (options.history !== 'empty') await makeRepository(engine, repository, source, options);
  if (options.history === 'old') await makeHistory(engine, { repository, source, random, options });
  if (options.occupied) copyFileSync(source, target);
  return stage(engine, { repository, source, target, directory });
}

async function stage(
  engine: Engine,
  places: Pick<Scene, 'repository' | 'source' | 'target' | 'directory'>,
): Promise<Scene> {
  const { directory, repository } = places;
  const original = `${directory}-original`;
  rmSync(original, { recursive: true, force: true });
  renameSync(directory, original);
  const reset = (): void => {
    rmSync(directory, { recursive: true, force: true });
    cloneTree(original, directory);
  };
  reset();
  const violations: string[] = [];
  // An interrupted removal counts as finished: a revision on its way to the trash is listed nowhere else.
  if (existsSync(repository)) await finishTrashMoves(engine, layoutOf(repository));
  const state = existsSync(repository)
    ? await readState(engine, repository, { settled: true, violations })
    : new Map();
  reset();
  if (violations.length > 0) throw new Error(`the scene is no good: ${violations.join('; ')}`);
  return { ...places, state, reset, fromNow: () => stage(engine, places) };
}

/** Builds each kind of scene below `home` once. */
export function sceneBuilder(
  engine: Engine,
  home: string,
  random: () => number,
): (options: SceneOptions, purpose?: string) => Promise<Scene> {
  const built = new Map<string, Promise<Scene>>();
  return (options, purpose = '') => {
    const key = `${JSON.stringify(options)}${purpose}`;
    const scene = built.get(key) ?? buildIn(engine, join(home, `scene-${built.size}`), random, options);
    built.set(key, scene);
    return scene;
  };
}

function buildIn(
  engine: Engine,
  parent: string,
  random: () => number,
  options: SceneOptions,
): Promise<Scene> {
  mkdirSync(parent);
  return createScene(engine, parent, random, options);
}

/** A context whose clock stands still, as far back as is said. */
export function contextAt(repository: string, engine: Engine, agoMs: number): Context {
  const now = new Date(Date.now() - agoMs);
  return createContext(repository, { engine: async () => engine, clock: () => now });
}

/** Writes to a few places, within and across blocks. */
export function changeSource(source: string, random: () => number): void {
  for (let count = 0; count < 10; count += 1) {
    const place = PLACES[count % PLACES.length] ?? 0;
    const offset = place + Math.floor(random() * (PLACE_KIB - 4)) * KIB;
    writeAt(source, offset, bytesFrom(random, 4 * KIB));
  }
}

function makeSource(source: string, random: () => number): void {
  writeFileSync(source, '');
  truncateSync(source, SOURCE_BYTES);
  for (const place of PLACES) writeAt(source, place, bytesFrom(random, PLACE_KIB * KIB));
}

function bytesFrom(random: () => number, length: number): Buffer {
  const words = new Uint32Array(length / 4);
  for (let at = 0; at < words.length; at += 1) words[at] = random() * 2 ** 32;
  return Buffer.from(words.buffer);
}

async function makeRepository(
  engine: Engine,
  repository: string,
  source: string,
  { live = false }: SceneOptions,
): Promise<void> {
  const schedule = { daily: { interval: '1d', keep: 1 } };
  await init(contextAt(repository, engine, 60 * DAY_MS), { type: 'file', filename: source, schedule });
  if (!live) return;
  const config = JSON.stringify({ source: { type: 'file', filename: source, snapshot: 'off' }, schedule });
  writeFileSync(join(repository, 'config'), config);
}

interface History {
  readonly repository: string;
  readonly source: string;
  readonly random: () => number;
  readonly options: SceneOptions;
}

/**
 * The oldest revision expires when the newest is taken, so the schedule would take it away again if it were brought
 * back; the next oldest are forgotten.
 */
async function makeHistory(
  engine: Engine,
  { repository, source, random, options: { changed = true, expiring, damaged } }: History,
): Promise<void> {
  const take = async (agoMs: number, tag: string): Promise<void> => {
    changeSource(source, random);
    await backup(contextAt(repository, engine, agoMs), { tags: [tag] });
  };
  for (let count = 0; count < REMOVED; count += 1)
    await take((50 - count) * DAY_MS, count === 0 ? 'daily' : `manual:removed-${count}`);
  for (let count = 1; count < KEPT; count += 1) await take((40 - count) * DAY_MS, `manual:${count}`);
  await take(HOUR_MS, 'daily');
  const now = await openContext(repository, { engine: async () => engine });
  await forget(now, { revisions: `${KEPT + REMOVED - 2}..${KEPT}` });
  if (expiring) await makeExpiring(now);
  if (changed) changeSource(source, random);
  if (damaged) flipByte(join(repository, readlinkSync(join(repository, 'last'))), 1000);
}

/** Some of them have only the tag that keeps one; the next one loses it. */
async function makeExpiring(context: Context): Promise<void> {
  await editTags(context, { action: 'set', tags: ['daily'], revisions: isLong ? '6..4' : '3' });
  await editTags(context, { action: 'add', tags: ['daily'], revisions: isLong ? '3' : '2' });
}

/** Clones files and keeps links as they are. */
function cloneTree(from: string, to: string): void {
  mkdirSync(to, { mode: 0o700 });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [before, after] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) cloneTree(before, after);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(before), after);
    else copyFileSync(before, after, constants.COPYFILE_FICLONE_FORCE);
    // A temporary file is known by its age.
    const { atime, mtime } = lstatSync(before);
    lutimesSync(after, atime, mtime);
  }
}
