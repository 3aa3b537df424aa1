/** The standard image: a real ext4 filesystem filled with files of this machine, its free space left as holes. */
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.mjs';

const PAGE = 4096;
const INODE_BYTES = 256;
const LARGEST_FILE_BYTES = 64 * 2 ** 20;
// The same tree gives the same bytes: fixed times, a fixed uuid, fixed directory hashes.
const UUID = '0b5e55ed-ba5e-4bac-8a11-d15c00000001';
const FIXED_TIMES = { E2FSPROGS_FAKE_TIME: '1700000000', SOURCE_DATE_EPOCH: '1700000000' };

/**
 * Makes the image with about `dataBytes` of files from `from`.
 * @param {{ image: string, sizeBytes: number, dataBytes: number, from: string, staging: string }} options
 *   `staging` is a directory that does not exist yet; it is used and removed again
 * @returns {Promise<{ files: number }>}
 */
export async function makeImage({ image, sizeBytes, dataBytes, from, staging }) {
  try {
    const files = stageFiles(from, staging, dataBytes);
    writeFileSync(image, '');
    truncateSync(image, sizeBytes);
    const options = ['-U', UUID, '-E', `lazy_itable_init=1,nodiscard,hash_seed=${UUID}`];
    const mke2fs = ['mke2fs', '-q', '-F', '-t', 'ext4', '-b', String(PAGE), ...options, '-d', staging, image];
    await run(mke2fs, { env: FIXED_TIMES });
    return { files };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Copies files, in the order of their names, until `quotaBytes` of blocks and inodes are used. */
function stageFiles(from, to, quotaBytes) {
  let usedBytes = 0;
  let files = 0;
  for (const directory of walk(from)) {
    const target = join(to, directory.path.slice(from.length));
    mkdirSync(target, { recursive: true });
    for (const name of directory.files) {
      const path = join(directory.path, name);
      const fileBytes = statSync(path).size;
      const costBytes = Math.ceil(fileBytes / PAGE) * PAGE + INODE_BYTES;
      if (fileBytes > LARGEST_FILE_BYTES || usedBytes + costBytes > quotaBytes) continue;
      copyFileSync(path, join(target, name));
      usedBytes += costBytes;
      files += 1;
    }
    if (usedBytes > quotaBytes * 0.995) return files;
  }
  const mib = Math.round(usedBytes / 2 ** 20);
  process.stderr.write(`${from} holds only ${mib} MiB of files: the image has less data than asked for\n`);
  return files;
}

function* walk(path) {
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  yield { path, files: entries.filter((entry) => entry.isFile()).map((entry) => entry.name) };
  for (const entry of entries) if (entry.isDirectory()) yield* walk(join(path, entry.name));
}
