import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** On a disk; /tmp may be memory, where images of filesystems have no place and O_DIRECT does not exist. */
const scratchParent = process.env.TMPDIR ?? '/var/tmp';

/** An empty directory; the caller removes it. */
export function makeScratch(parent: string = scratchParent): string {
  return mkdtempSync(join(parent, 'backy-test-'));
}

/** An empty directory for one test, removed when the test ends. */
export function scratchForTest(parent?: string): string {
  const directory = makeScratch(parent);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
