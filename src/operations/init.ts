import { chmod, lstat, mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config, SourceConfig } from '../config/config.ts';
import { parseConfig } from '../config/load-config.ts';
import { nameOfSource, sourceOfName, typeOfSource } from '../config/source-name.ts';
import { formatConfig, type ScheduleInput } from '../config/write-config.ts';
import { checkSizeLimit } from '../domain/size-limit.ts';
import { type BackyError, backyError, isBackyError } from '../errors.ts';
import { fromNodeError, isIoError, isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { refuseStrangers } from '../repository/strangers.ts';
import { formatWarning } from '../sources/image-format.ts';
import { openSource } from '../sources/open-source.ts';
import { OUT_OF_REACH } from '../sources/source.ts';
import { type Context, type EngineContext, withEngine } from './context.ts';

/** The source and settings of a new repository. */
export interface InitOptions {
  /**
   * Type of the source: `file` for files and block devices, `lvm` for logical volumes, `ceph-rbd` for images of Ceph.
   */
  readonly type: string;
  /**
   * Path of the file or block device, which is made absolute without resolving links; `VG/LV` of a logical volume; or
   * `POOL/IMAGE` or `POOL/NAMESPACE/IMAGE` of an image of Ceph.
   */
  readonly filename: string;
  /** Tags with interval and number to keep; by default daily, weekly and monthly. */
  readonly schedule?: ScheduleInput | undefined;
  /** Accept a directory with foreign files, which stay as they are. */
  readonly force?: boolean | undefined;
  /** Refuse backups that cannot share blocks. */
  readonly requireReflink?: boolean | undefined;
}

/** A new repository. */
export interface InitResult {
  readonly directory: string;
  /** Path of the configuration. */
  readonly config: string;
  readonly source: SourceConfig;
  /** The name of the source for people. */
  readonly name: string;
  /** The tags of the schedule. */
  readonly tags: readonly string[];
}

const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;
const OTHERS = 0o077;

/**
 * Makes a directory a repository by writing its configuration. The source may be missing for now.
 *
 * @throws BACKY_CONFIG_EXISTS, BACKY_DIRECTORY_OCCUPIED, BACKY_SOURCE_TYPE_UNKNOWN, BACKY_SOURCE_NAME,
 *   BACKY_SOURCE_KIND, BACKY_SOURCE_UNFIT, BACKY_NO_PLACE, BACKY_CONFIG_INVALID, BACKY_IO
 */
export async function init(context: Context, options: InitOptions): Promise<InitResult> {
  const { layout } = context;
  const source = sourceOfName(typeOfSource(options.type), options.filename);
  const text = formatConfig({ source, schedule: options.schedule, requireReflink: options.requireReflink });
  const config = parseConfig(text, layout.config);
  await refuseExisting(layout.config);
  if (!options.force) refuseStrangers(layout);
  const loaded = await withEngine(context);
  const { engine } = loaded;
  await engine.checkPlace(layout.directory);
  await checkSource(loaded, config);
  await prepareDirectory(loaded);
  await createConfig(engine, layout.config, text);
  context.log('info', `created ${layout.config} for ${nameOfSource(source)}`);
  const { directory, config: path } = layout;
  return { directory, config: path, source, name: nameOfSource(source), tags: [...config.schedule.keys()] };
}

/**
 * Refuses a source that can never be backed up, such as a directory. Warns of one that is missing, unreadable or too
 * large, because the next backup may find it changed, or a higher limit in the configuration.
 */
async function checkSource(
  { layout, log, engine }: EngineContext,
  { source, sizeLimit }: Config,
): Promise<void> {
  try {
    const { name, format, size } = await openSource(source, layout.directory, engine).describe();
    if (format !== undefined) log('warning', formatWarning(name, format));
    checkSizeLimit(name, size, sizeLimit);
  } catch (error) {
    if (isBackyError(error, 'BACKY_TOO_LARGE')) return log('warning', `${error.message}. ${error.remedy}`);
    if (!isBackyError(error, ...OUT_OF_REACH)) throw error;
    log('warning', `${error.message}; backups will fail until it can be read`);
  }
}

async function prepareDirectory({ layout: { directory }, log, engine }: EngineContext): Promise<void> {
  try {
    await makeDirectory(engine, directory);
    const { mode, uid } = await stat(directory);
    if ((mode & OTHERS) === 0) return;
    const entries = await readdir(directory);
    const isEmpty = entries.every((name) => name === 'lost+found');
    if (isEmpty && uid === process.geteuid?.()) return await chmod(directory, PRIVATE_DIRECTORY);
    log(
      'warning',
      `${directory} is open to other users; "chmod 700" keeps the names and sizes of images from them`,
    );
  } catch (error) {
    throw fromNodeError(error);
  }
}

/**
 * Makes a directory and its missing parents durable, so that they survive a power cut. A killed run may have made some
 * of them without fsync, so the existing ones are synced, too.
 */
async function makeDirectory(engine: Engine, directory: string): Promise<void> {
  const topmost = await makeMissing(directory);
  const made = topmost === undefined ? 0 : depthOf(directory) - depthOf(topmost) + 1;
  for (const [index, path] of (await lineageOf(directory)).entries()) {
    try {
      // The directories exist already. This call syncs the parent of each.
      await engine.makeDirectory(path);
    } catch (error) {
      // We cannot have made a directory in a parent that we may not read.
      if (index < made || !isIoError(error, 'EACCES')) throw error;
    }
  }
}

function depthOf(path: string): number {
  return path.split('/').length;
}

/** Returns a directory and its parents on the same filesystem. */
async function lineageOf(directory: string): Promise<readonly string[]> {
  const lineage = [await realpath(directory)];
  for (let path = lineage[0] ?? ''; path !== dirname(path); path = dirname(path)) {
    const [here, above] = [await stat(path), await stat(dirname(path))];
    if (here.dev !== above.dev) break;
    lineage.push(dirname(path));
  }
  // The parent of the outermost one belongs to another filesystem, or is the root.
  return lineage.slice(0, -1);
}

/**
 * Creates missing directories, and returns the topmost of them. Node reports ENOENT for every failure of a recursive
 * mkdir, so a plain mkdir comes first.
 */
async function makeMissing(directory: string): Promise<string | undefined> {
  try {
    await mkdir(directory, { mode: PRIVATE_DIRECTORY });
    return directory;
  } catch (error) {
    if (!isNodeError(error, 'EEXIST', 'ENOENT')) throw error;
    return mkdir(directory, { recursive: true, mode: PRIVATE_DIRECTORY });
  }
}

/** Refuses an existing configuration early, for a clear message. The exclusive creation later is what counts. */
async function refuseExisting(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) return;
    throw fromNodeError(error);
  }
  throw exists(path);
}

async function createConfig(engine: Engine, path: string, text: string): Promise<void> {
  try {
    await engine.createFile(path, text, PRIVATE_FILE);
  } catch (cause) {
    throw isIoError(cause, 'EEXIST') ? exists(path, cause) : cause;
  }
}

function exists(path: string, cause?: unknown): BackyError {
  return backyError('BACKY_CONFIG_EXISTS', { path }, { cause });
}
