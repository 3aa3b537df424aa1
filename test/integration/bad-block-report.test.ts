import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadEngine } from '../../src/native/load-engine.ts';
import { KIB, makeSparseFile, writeAt } from '../helpers/bytes.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const blockBytes = 256 * KIB;
/** More than a result names one by one. */
const blocks = 10_050;

it('a report names every bad block, however many there are', async () => {
  const scratch = scratchForTest();
  const path = (name: string): string => join(scratch, name);
  const [image, damaged, index, report] = [path('image'), path('damaged'), path('index'), path('report')];
  makeSparseFile(image, blocks * blockBytes);
  makeSparseFile(damaged, blocks * blockBytes);
  for (let block = 0; block < blocks; block += 1) writeAt(image, block * blockBytes, Buffer.of(1));
  const engine = await loadEngine();
  const { size, digest, bytesZero } = await engine.indexImage({ image, index });
  expect([size, bytesZero]).toEqual([blocks * blockBytes, 0]);
  const options = { index, size, digest, report, reportHeader: '{"uuid":"x"}' };
  expect(await engine.verifyImage({ ...options, image })).toMatchObject({ badCount: 0 });

  const stats = await engine.verifyImage({ ...options, image: damaged });

  expect([stats.badCount, stats.badBlocks.length]).toEqual([blocks, 10_000]);
  const lines = readFileSync(report, 'utf8').trimEnd().split('\n');
  expect(lines.length).toBe(1 + blocks);
  expect(lines[0]).toBe('{"uuid":"x"}');
  expect(lines.slice(1, 10_001).map((line) => JSON.parse(line))).toEqual(stats.badBlocks);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
    offset: (blocks - 1) * blockBytes,
    length: blockBytes,
  });
  expect(statSync(report).mode & 0o7777).toBe(0o400);
  await expect(engine.verifyImage({ ...options, image: damaged })).rejects.toMatchObject({
    code: 'BACKY_IO',
    details: { errno: 'EEXIST', path: report },
  });
});
