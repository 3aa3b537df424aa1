import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes, MIB, randomBytes } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { attachDevice } from '../helpers/loop-device.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, PROGRAM } from '../helpers/repository.ts';

/** Everything that opens, changes or runs something. */
const traced = [
  'open,openat,openat2,creat,truncate,ftruncate,fallocate,ioctl',
  'write,writev,pwrite64,pwritev,pwritev2,copy_file_range,sendfile,splice',
  'rename,renameat,renameat2,link,linkat,unlink,unlinkat,chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown',
  'utimensat,setxattr,fsetxattr,lsetxattr,mount,umount2,fsopen,fsmount,move_mount,execve,execveat',
].join(',');

const reading = /^open(at)?\(.*"[^"]+", O_RDONLY[|A-Z_]*\) = \d+/;
/** Whoever takes a snapshot asks whether the source is written in place; that it is cloned is the clone's affair. */
const cloning = new RegExp(`${reading.source}|^ioctl\\(\\d+<[^>]+>, FS_IOC_GETFLAGS, `);

describeWith([...needsOf('xfs'), 'command strace'], 'the source', () => {
  const filesystem = useFilesystem('xfs');

  it('is opened for reading only by every command, and nothing else is ever done to it', async () => {
    const scratch = filesystem.scratch();
    const source = join(scratch, 'disk.img');
    writeFileSync(source, randomBytes(4 * MIB));
    const { mtimeMs, ctimeMs } = statSync(source);
    const bytes = readFileSync(source);
    const trace = tracer(scratch);
    const restore = ['restore', join(scratch, 'target')];
    const commands = [
      ['init', 'file', source],
      ['backup'],
      ['backup', 'manual:again'],
      ['doctor'],
      ['status'],
    ];
    for (const args of [...commands, ['find'], ['verify'], restore, ['purge']]) {
      const calls = await trace(...args);
      const [program, ...others] = calls.filter((call) => call.startsWith('exec'));
      expect(program).toContain(process.execPath);
      expect(others, 'other programs').toEqual([]);
      expect(calls.filter(isMount)).toEqual([]);
      const onSource = calls.filter((call) => call !== program && call.includes(source));
      if (['backup', 'init', 'doctor'].includes(args[0] ?? '')) expect(onSource).not.toEqual([]);
      for (const call of onSource) expect(call).toMatch(args[0] === 'backup' ? cloning : reading);
      expect(onSource.filter((call) => /O_(CREAT|TRUNC|APPEND)/.test(call))).toEqual([]);
    }

    expect(statSync(source)).toMatchObject({ mtimeMs, ctimeMs });
    expect(readFileSync(source).equals(bytes)).toBe(true);
    await expectSameBytes(join(scratch, 'target'), source);
  });

  it('may be a read-only file or device', async () => {
    const scratch = filesystem.scratch();
    const file = join(scratch, 'disk.img');
    writeFileSync(file, randomBytes(MIB));
    chmodSync(file, 0o400);
    await mustRun('chattr', ['+i', file]);
    try {
      const device = await attachDevice(file, '--read-only');
      for (const source of [file, device]) {
        const repository = await createRepository(join(scratch, source.replaceAll('/', '-')), source);
        await expectSameBytes(repository.path((await repository.backup()).uuid), file);
      }
    } finally {
      await mustRun('chattr', ['-i', file]);
    }
  });
});

function isMount(call: string): boolean {
  return /^(mount|umount2|fsopen|fsmount|move_mount)\(/.test(call);
}

/** Runs backy under strace. Returns what it did, one system call each, with the paths of descriptors. */
function tracer(scratch: string): (...args: readonly string[]) => Promise<readonly string[]> {
  const log = join(scratch, 'trace');
  const strace = [
    '-f',
    '-y',
    '--seccomp-bpf',
    '-qq',
    '-s',
    '0',
    '-e',
    `trace=${traced}`,
    '-e',
    'signal=none',
    '-o',
    log,
  ];
  const program = [process.execPath, PROGRAM, '-b', join(scratch, 'repository')];
  return async (...args) => {
    await mustRun('strace', [...strace, ...program, ...args]);
    const lines = readFileSync(log, 'utf8').split('\n');
    return lines.map((line) => line.replace(/^\d+ +/, '')).filter((call) => /^\w+\(/.test(call));
  };
}
