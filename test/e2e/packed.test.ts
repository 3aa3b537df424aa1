import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDiskImage } from './disk-image.ts';
import {
  backy,
  checkout,
  installOffline,
  manifestOf,
  mustRun,
  newerNode,
  oldTypeScript,
  type Place,
  packCheckout,
  run,
  type Tarballs,
  thisNode,
} from './packages.ts';

const nodes = [
  { name: 'this Node', findNode: async () => thisNode },
  { name: 'a newer Node', findNode: newerNode },
];

let scratch: string;
let tarballs: Tarballs;
let image: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'backy-packed-'));
  tarballs = await packCheckout(join(scratch, 'tarballs'));
  image = join(scratch, 'disk.img');
  await makeDiskImage(image, scratch);
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

describe.each(nodes)('installed offline on $name', ({ name, findNode }) => {
  let place: Place;

  beforeAll(async () => {
    const nodeDirectory = await findNode(tarballs);
    if (nodeDirectory === undefined) return;
    place = { directory: join(scratch, name), nodeDirectory };
    await installOffline(place, [tarballs.main, tarballs.platform, ...tarballs.dependencies]);
  });

  it('prints its version', async (test) => {
    test.skip(place === undefined, 'npm has no newer Node for this platform');
    const { version } = await manifestOf(tarballs.main);

    const { exitCode, stdout } = await backy(place, '--version');

    expect(exitCode).toBe(0);
    expect(stdout).toContain(version);
  });

  it('backs up a disk image and restores it byte for byte', async (test) => {
    test.skip(place === undefined, 'npm has no newer Node for this platform');
    const repository = join(place.directory, 'repository');
    await mkdir(repository);

    expect(await backy(place, '-b', repository, 'init', 'file', image)).toMatchObject({ exitCode: 0 });
    expect(await backy(place, '-b', repository, 'backup')).toMatchObject({ exitCode: 0 });
    const status = await backy(place, '-b', repository, 'status');
    const restored = join(place.directory, 'restored.img');
    expect(await backy(place, '-b', repository, 'restore', restored)).toMatchObject({ exitCode: 0 });

    expect(status.stdout).toMatch(/^1 revision$/m);
    expect((await readFile(restored)).equals(await readFile(image))).toBe(true);
    expect((await readFile(join(repository, 'last'))).equals(await readFile(image))).toBe(true);
  });
});

describe('the main package alone', () => {
  it('names the missing platform package in one line', async () => {
    const place = { directory: join(scratch, 'alone'), nodeDirectory: thisNode };
    await installOffline(place, [tarballs.main, ...tarballs.dependencies]);
    const { name } = await manifestOf(tarballs.platform);

    const directory = join(scratch, 'not-made');
    const { exitCode, stderr } = await backy(place, '-b', directory, 'init', 'file', image);

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^backy: .+\n$/);
    expect(stderr).toContain(`The native engine ${name} is missing. Install its tarball from the release`);
    expect(await backy(place, '--help')).toMatchObject({ exitCode: 0 });
  });
});

describe.runIf(process.platform === 'linux')('an addon that does not load', () => {
  let place: Place;
  let addon: string;
  let whole: Buffer;
  let version: string;

  beforeAll(async () => {
    place = { directory: join(scratch, 'damaged'), nodeDirectory: thisNode };
    await installOffline(place, [tarballs.main, tarballs.platform, ...tarballs.dependencies]);
    const { name, main, version: ours } = await manifestOf(tarballs.platform);
    version = ours;
    addon = join(place.directory, 'node_modules', name, main);
    whole = await readFile(addon);
  });

  const ofAnotherMachine = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    copy.writeUInt16LE(243, 18);
    return copy;
  };
  /** The version is a text in it, and keeps its length. */
  const ofAnotherRelease = (bytes: Buffer): Buffer => {
    const text = bytes.toString('latin1');
    return Buffer.from(text.replaceAll(version, version.replace(/^\d/, '9')), 'latin1');
  };
  const REINSTALL = 'from the release of your backy again';
  it.each([
    { what: 'empty', damage: () => Buffer.alloc(0), reason: 'file too short' },
    {
      what: 'cut off early',
      damage: (bytes: Buffer) => bytes.subarray(0, 1000),
      reason: 'has 1000 of at least ',
    },
    { what: 'cut off late', damage: (bytes: Buffer) => bytes.subarray(0, -1), reason: 'of at least ' },
    { what: 'of another machine', damage: ofAnotherMachine, reason: 'cannot open shared object file' },
    {
      what: 'of another release',
      damage: ofAnotherRelease,
      reason: /is of version 9\.\S+, and backy of version/,
      advice: 'Install both from the tarballs of one release',
    },
  ])('is named with the reason when it is $what', async ({ damage, reason, advice = REINSTALL }) => {
    await writeFile(addon, damage(whole));

    const { exitCode, stderr } = await backy(place, 'doctor');
    const json = await backy(place, '--json', 'doctor');

    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringMatching(/^backy: .+\n$/) });
    expect(stderr).toMatch(reason);
    expect(stderr).toContain(advice);
    expect(JSON.parse(json.stderr)).toMatchObject({
      code: 'BACKY_NATIVE_UNUSABLE',
      details: { reason: expect.stringMatching(reason) },
    });
  });

  it('is never looked for where the environment says', async () => {
    const [planted, trace] = [join(place.directory, 'planted.cjs'), join(place.directory, 'trace')];
    await writeFile(addon, whole);
    await writeFile(planted, `require('node:fs').writeFileSync(${JSON.stringify(trace)}, '');`);
    const environment = { NAPI_RS_NATIVE_LIBRARY_PATH: planted, NAPI_RS_FORCE_WASI: '1' };

    const outcome = await run(process.execPath, ['node_modules/backy/bin/backy.js', 'doctor'], {
      cwd: place.directory,
      env: { ...process.env, ...environment },
    });

    expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
    await expect(readFile(trace)).rejects.toThrow('ENOENT');
  });

  it('is used when it is whole', async () => {
    await writeFile(addon, whole);
    expect(await backy(place, 'doctor')).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('types', () => {
  const consumer = `
    import { initRepository, isBackyError, openRepository, type Progress, type RevisionRecord } from 'backy';
    export async function use(): Promise<RevisionRecord | undefined> {
      await initRepository('/srv/backy/web1', { type: 'file', filename: '/web1.img' });
      const repository = await openRepository('/srv/backy/web1');
      const onProgress = ({ done, total }: Progress): void => console.log(done / total);
      const result = await repository.backup({ tags: ['manual:types'], onProgress });
      // @ts-expect-error: it is dryRun
      await repository.expire({ dryrun: true });
      return result?.record;
    }
    export const code = (error: unknown) => isBackyError(error) && error.code;`;
  const kinds = [
    { name: 'CommonJS, resolved as Node 10 does', file: 'use.ts', module: 'commonjs', resolution: 'node' },
    { name: 'CommonJS', file: 'use.cts', module: 'node16', resolution: 'node16' },
    { name: 'ECMAScript modules', file: 'use.mts', module: 'node16', resolution: 'node16' },
  ] as const;
  let place: Place;

  beforeAll(async () => {
    place = { directory: join(scratch, 'types'), nodeDirectory: thisNode };
    await installOffline(place, [tarballs.main, ...tarballs.dependencies]);
  });

  it.each(kinds)('fit TypeScript 5.0 with $name', async ({ file, module, resolution }) => {
    await writeFile(join(place.directory, file), consumer);
    const compiler = await oldTypeScript();
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2022,dom'];
    const modules = ['--module', module, '--moduleResolution', resolution];

    const outcome = await run(process.execPath, [compiler, ...options, ...modules, file], {
      cwd: place.directory,
    });

    expect(outcome).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  it('belong to what require() gives as well', async () => {
    const script = "console.log(typeof require('backy').openRepository)";
    const { stdout } = await run(process.execPath, ['-e', script], { cwd: place.directory });
    expect(stdout).toBe('function\n');
  });
});

describe('the tarballs', () => {
  it('hold every document that the README leads to', async () => {
    const names = (await mustRun('tar', ['-tzf', tarballs.main], { cwd: scratch })).stdout.split('\n');
    const links = [...(await readFile(join(checkout, 'README.md'), 'utf8')).matchAll(/\]\(([^)#:]+)\)/g)];
    const documents = links.map(([, link]) => `package/${link}`);
    expect(documents.length).toBeGreaterThan(5);
    expect(names).toEqual(expect.arrayContaining(documents));
  });

  it('hold what runs, nothing else, and no install script', async () => {
    const outcome = await check(tarballs.main, tarballs.platform);

    expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('would be refused with an install script, an addon or sources in the main package', async () => {
    const spoilt = join(scratch, 'spoilt');
    await mkdir(join(spoilt, 'src'), { recursive: true });
    await mustRun('tar', ['-xzf', tarballs.main, '-C', spoilt], { cwd: scratch });
    const manifest = JSON.parse(await readFile(join(spoilt, 'package', 'package.json'), 'utf8'));
    manifest.scripts.postinstall = 'node-gyp rebuild';
    await writeFile(join(spoilt, 'package', 'package.json'), JSON.stringify(manifest));
    await writeFile(join(spoilt, 'package', 'native', 'backy.linux-x64-gnu.node'), '');
    await cp(join(spoilt, 'src'), join(spoilt, 'package', 'src'), { recursive: true });
    await writeFile(join(spoilt, 'package', 'src', 'index.ts'), '');
    await mustRun('tar', ['-czf', 'spoilt.tgz', 'package'], { cwd: spoilt });

    const { exitCode, stderr } = await check(join(spoilt, 'spoilt.tgz'));

    expect(exitCode).toBe(1);
    expect(stderr).toContain('has the install script postinstall');
    expect(stderr).toContain('native/backy.linux-x64-gnu.node does not belong there');
    expect(stderr).toContain('src/index.ts does not belong there');
  });

  it('are made without a trace in the checkout', async () => {
    const manifest = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8'));

    expect(manifest).not.toHaveProperty('optionalDependencies');
  });
});

function check(...paths: readonly string[]) {
  return run(process.execPath, ['scripts/check-package.mjs', ...paths], { cwd: checkout });
}
