import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layoutOf } from '../../../../src/repository/layout.ts';
import { announce } from '../../../../src/repository/unfinished.ts';
import { fakeEngine } from '../../fake-engine.ts';
import type { Workbench } from '../workbench.ts';

/** Simulates a killed run: its unfinished record and files of the revision are left. */
export async function cutOff(bench: Workbench, uuid: string, ...names: readonly string[]): Promise<void> {
  await announce(fakeEngine(), layoutOf(bench.directory), uuid, 'revision', bench.now);
  for (const name of names) writeFileSync(join(bench.directory, name), 'torn');
}
