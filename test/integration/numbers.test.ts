import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Addon, Engine } from '../../src/native/engine.ts';
import { loadAddon } from '../../src/native/load-addon.ts';
import { loadEngine } from '../../src/native/load-engine.ts';
import { KIB, randomBytes } from '../helpers/bytes.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const addon = builtAddon();
const block = 256 * KIB;
const digest = '0'.repeat(64);
/** Each of them would be another one as an integer in Rust: 0, the next smaller one, or one that has wrapped around. */
const noNumbers = [Number.NaN, Number.POSITIVE_INFINITY, -1, 0.9, block + 0.5, 2 ** 53, 2 ** 64];
/** A number of runs has 32 bits. */
const noRuns = [...noNumbers, 2 ** 32, 2 ** 32 + 30];
const snapshot = { settings: [], pool: 'rbd', image: 'disk', snapshot: 'now' };
const refusal = { code: 'BACKY_INVALID_ARGUMENT' };

/** Paths of a source that is there, and of what is not. */
function paths() {
  const scratch = scratchForTest();
  const path = join(scratch, 'disk.img');
  writeFileSync(path, randomBytes(4 * block));
  return { path, image: join(scratch, 'image'), index: join(scratch, 'index') };
}

describe('an invalid number', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadEngine();
  });

  /** Raised by the façade itself, without a failure of the engine. */
  async function refused(call: Promise<unknown>): Promise<void> {
    const error: unknown = await call.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(refusal);
    expect(error).not.toHaveProperty('cause');
  }

  it.each(noNumbers)('is not handed to the engine: %d', async (number) => {
    const { path, image, index } = paths();
    const files = { image, index };
    const sealed = { ...files, digest };
    const command = { name: 'disk', snapshot: 'now', command: ['false'] };
    await refused(
      engine.writeImage({ ...files, source: { path, changed: [{ offset: number, length: 1 }] } }),
    );
    await refused(
      engine.writeImage({ ...files, source: { path, changed: [{ offset: 0, length: number }] } }),
    );
    await refused(engine.writeImage({ ...files, source: { ...command, size: number } }));
    await refused(engine.writeImage({ ...files, source: { path }, sampleRuns: 1, sampleRun: number }));
    await refused(engine.verifyImage({ ...sealed, size: number }));
    await refused(engine.restoreImage({ ...sealed, size: number }));
    const repair = { ...sealed, donors: [], evidence: image };
    await refused(engine.repairImage({ ...repair, size: number, blocks: [] }));
    await refused(engine.repairImage({ ...repair, size: block, blocks: [0, number] }));
    await refused(engine.exportRbdSample({ ...snapshot, runs: 30, run: number }));
    await refused(engine.findSharers({ image, blocks: [0, number], others: [] }));
    expect(existsSync(image)).toBe(false);
  });

  it.each(noRuns)('is not handed to the engine for a number of runs: %d', async (number) => {
    const { path, image, index } = paths();
    await refused(engine.writeImage({ image, index, source: { path }, sampleRuns: number }));
    await refused(engine.exportRbdSample({ ...snapshot, runs: number, run: 0 }));
  });

  it.each(['[null]', '[{}]', '[{"offset":0,"length":"9"}]'])('nor is what has none: %s', async (changed) => {
    const { path, image, index } = paths();
    await refused(engine.writeImage({ image, index, source: { path, changed: JSON.parse(changed) } }));
  });

  it.each(noNumbers)('is refused by the engine, too: %d', async (number) => {
    const { path, image, index } = paths();
    const write = (options: object) =>
      addon.writeImage({ source: { path }, image, index, ...options }, new addon.Control({}));
    const changed = [{ offset: number, length: 1 }];
    const command = { name: 'disk', snapshot: 'now', command: ['false'], size: number };
    expect(await write({ source: { path, changed } })).toMatchObject(refusal);
    expect(await write({ source: { path, changed: [{ offset: 0, length: number }] } })).toMatchObject(
      refusal,
    );
    expect(await write({ source: { command } })).toMatchObject(refusal);
    expect(await write({ sampleRuns: 1, sampleRun: number })).toMatchObject(refusal);
    const sealed = { image, index, digest, size: number };
    expect(await addon.verifyImage(sealed, new addon.Control({}))).toMatchObject(refusal);
    expect(await addon.createFile(image, '', number)).toMatchObject(refusal);
    expect(await addon.replaceFile(image, '', number)).toMatchObject(refusal);
    expect(existsSync(image)).toBe(false);
  });

  it.each(noRuns)('is refused by the engine for a number of runs: %d', async (sampleRuns) => {
    const { path, image, index } = paths();
    const options = { source: { path }, image, index, sampleRuns };
    expect(await addon.writeImage(options, new addon.Control({}))).toMatchObject(refusal);
  });
});

it('the engine knows two kinds of locks, and refuses others', () => {
  const path = join(scratchForTest(), 'lock');
  const mode = JSON.parse('"sharde"');

  expect(addon.lockFile(path, mode)).toMatchObject({ ...refusal, detail: expect.stringContaining('sharde') });

  expect(existsSync(path)).toBe(false);
});

function builtAddon(): Addon {
  const built = loadAddon();
  if (built) return built;
  throw new Error('there is no addon: run npm run build');
}
