/** The one door to the helpers that the torture shares with the other tests. */
export { expectSameBytes, flipByte, KIB, MIB, randomBytes, readAt, writeAt } from '../helpers/bytes.ts';
export { cleanUpWith } from '../helpers/clean-up.ts';
export { mustRun, type Outcome, run, start } from '../helpers/command.ts';
export { mountDirectly, untilServed } from '../helpers/fuse-disk.ts';
export { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
export { describeWith, type Need } from '../helpers/needs.ts';
export { patiently } from '../helpers/patiently.ts';
export { seededRandom, testSeed } from '../helpers/random.ts';
export {
  backy,
  createLiveRepository,
  createRepository,
  filesOf,
  PROGRAM,
  type TestRepository,
} from '../helpers/repository.ts';
export { scratchForTest } from '../helpers/scratch.ts';
export { workbench } from '../unit/operations/workbench.ts';
export { makeRecord } from '../unit/records.ts';
