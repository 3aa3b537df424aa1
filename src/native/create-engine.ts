import type * as Native from '#native';
import type { Control } from '#native';
import { formatSize } from '../domain/size.ts';
import { checkBytes, checkOffsets, checkSample, checkSource } from './check-numbers.ts';
import type { Addon, Engine, WriteOptions } from './engine.ts';
import { isFailure, toBackyError, unwrap } from './failure.ts';
import { operate } from './operate.ts';
import type { CommandInput, SourceInput } from './source-input.ts';

/** Wraps the addon. */
export function createEngine(addon: Addon): Engine {
  return {
    ...writingCalls(addon),
    ...checkingCalls(addon),
    ...sourceCalls(addon),
    ...placeCalls(addon),
    ...fileCalls(addon),
  };
}

/** Calls that write images or restore them. */
function writingCalls(
  addon: Addon,
): Pick<Engine, 'writeImage' | 'restoreImage' | 'indexImage' | 'repairImage'> {
  return {
    writeImage: async (options, operation = {}) => {
      checkSource(options.source);
      checkSample(options.sampleRuns, options.sampleRun);
      return operate(addon, (control) => addon.writeImage(forAddon(options), control), operation, WRITING);
    },
    restoreImage: async (options, operation = {}) => {
      checkBytes('size', options.size);
      const facts = { ...RESTORING, size: formatSize(options.size) };
      return operate(addon, (control) => addon.restoreImage(options, control), operation, facts);
    },
    indexImage: (options, operation = {}) =>
      operate(addon, (control) => addon.indexImage(options, control), operation, INDEXING),
    repairImage: async (options, operation = {}) => {
      checkBytes('size', options.size);
      checkOffsets(options.blocks);
      return operate(addon, (control) => addon.repairImage(options, control), operation, REPAIRING);
    },
  };
}

/** Calls that read images. */
function checkingCalls(
  addon: Addon,
): Pick<Engine, 'verifyImage' | 'createVerified' | 'compareSource' | 'describeIndex' | 'findSharers'> {
  return {
    verifyImage: async (options, operation = {}, verified = undefined) => {
      checkBytes('size', options.size);
      const verify = (control: Control) =>
        verified ? addon.verifyNextImage(options, verified, control) : addon.verifyImage(options, control);
      return operate(addon, verify, operation, VERIFYING);
    },
    createVerified: () => new addon.Verified(),
    compareSource: async (options, operation = {}) => {
      checkBytes('size', options.size);
      checkSource(options.source);
      const compared = { ...options, source: sourceForAddon(options.source) };
      return operate(addon, (control) => addon.compareSource(compared, control), operation, COMPARING);
    },
    describeIndex: (index, operation = {}) =>
      operate(addon, (control) => addon.describeIndex(index, control), operation, LOOKING),
    findSharers: async ({ image, blocks, others }, operation = {}) => {
      checkOffsets(blocks);
      const options = { image, blocks: [...blocks], others: [...others] };
      return operate(addon, (control) => addon.findSharers(options, control), operation, LOOKING);
    },
  };
}

/** Calls about sources and their snapshots. */
function sourceCalls(
  addon: Addon,
): Pick<Engine, 'describeSource' | 'cloneSource' | 'takeSnapshot' | 'removeSnapshot' | 'exportRbdSample'> {
  return {
    describeSource: async (path) => unwrap(await addon.describeSource(path)),
    cloneSource: (options, operation = {}) =>
      operate(addon, (control) => addon.cloneSource(options, control), operation, WRITING),
    takeSnapshot: (options, operation = {}) =>
      operate(addon, (control) => addon.takeSnapshot(options, control), operation, WRITING),
    removeSnapshot: async (snapshot) => unwrap(await addon.removeSnapshot(snapshot)),
    exportRbdSample: async (options) => {
      checkSample(options.runs, options.run);
      return unwrap(await addon.exportRbdSample(options));
    },
  };
}

/** Calls about paths, their users and their space. */
function placeCalls(
  addon: Addon,
): Pick<
  Engine,
  | 'measureFreed'
  | 'findHolders'
  | 'checkPlace'
  | 'checkTarget'
  | 'realPath'
  | 'probe'
  | 'findBegun'
  | 'forgetBegun'
  | 'removePartials'
> {
  return {
    measureFreed: ({ remove, keep }, operation = {}) => {
      const options = { remove: [...remove], keep: [...keep] };
      return operate(addon, (control) => addon.measureFreed(options, control), operation, LOOKING);
    },
    findHolders: async (paths) => unwrap(await addon.findHolders([...paths])),
    checkPlace: async (path) => unwrap(await addon.checkPlace(path)),
    checkTarget: async (path, size) => {
      checkBytes('size', size);
      const outcome = await addon.checkTarget(path, size);
      if (isFailure(outcome)) throw toBackyError(outcome, { size: formatSize(size) });
      return outcome;
    },
    realPath: async (path) => unwrap(await addon.realPath(path)),
    probe: async (directory) => unwrap(await addon.probe(directory)),
    findBegun: async (path) => unwrap(await addon.findBegun(path)),
    forgetBegun: async (path) => unwrap(await addon.forgetBegun(path)),
    removePartials: async (path) => unwrap(await addon.removePartials(path)),
  };
}

/** Calls that change small files and names, durably; and the version. */
function fileCalls(
  addon: Addon,
): Pick<
  Engine,
  | 'appendLine'
  | 'lockFile'
  | 'replaceFile'
  | 'createFile'
  | 'replaceLinks'
  | 'sealFiles'
  | 'removeFiles'
  | 'moveFiles'
  | 'makeDirectory'
  | 'removeDirectory'
  | 'version'
> {
  return {
    appendLine: (path, line) => unwrap(addon.appendLine(path, line)),
    lockFile: (path, mode) => unwrap(addon.lockFile(path, mode)),
    replaceFile: async (path, contents, mode) => unwrap(await addon.replaceFile(path, contents, mode)),
    createFile: async (path, contents, mode) => unwrap(await addon.createFile(path, contents, mode)),
    replaceLinks: async (links) => unwrap(await addon.replaceLinks([...links])),
    sealFiles: async (pairs) => unwrap(await addon.sealFiles([...pairs])),
    removeFiles: async (paths) => unwrap(await addon.removeFiles([...paths])),
    moveFiles: async (pairs) => unwrap(await addon.moveFiles([...pairs])),
    makeDirectory: async (path) => unwrap(await addon.makeDirectory(path)),
    removeDirectory: async (path) => unwrap(await addon.removeDirectory(path)),
    version: () => addon.engineVersion(),
  };
}

const WRITING = { work: 'backup', aftermath: 'nothing of it is left' };
const RESTORING = { work: 'restore', aftermath: 'a target that existed before is not complete' };
const INDEXING = { work: 'making of the index', aftermath: 'the image has none yet' };
const REPAIRING = { work: 'repair', aftermath: 'what was healed stays so, the rest is as it was' };
const COMPARING = { work: 'comparison', aftermath: 'nothing is known of the revision' };
const LOOKING = { work: 'look at the files', aftermath: 'nothing was changed' };
const VERIFYING = { work: 'verification', aftermath: 'what it had not finished is unchanged' };

/** Copies arrays, because the addon's types require mutable ones. */
function forAddon({ source, ...options }: WriteOptions): Native.WriteOptions {
  return { ...options, source: sourceForAddon(source) };
}

function sourceForAddon(source: SourceInput): Native.SourceInput {
  if ('command' in source) return { command: commandForAddon(source) };
  const { changed, ...input } = source;
  return { ...input, ...(changed ? { changed: [...changed] } : {}) };
}

function commandForAddon({ changes, sample, ...input }: CommandInput): Native.CommandInput {
  return {
    ...input,
    command: [...input.command],
    ...(changes ? { changes: { since: changes.since, command: [...changes.command] } } : {}),
    ...(sample ? { sample: [...sample] } : {}),
  };
}
