import { existsSync, lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIB, type Outcome, PROGRAM, randomBytes, run, scratchForTest } from '../tests.ts';

describe('files of a repository', () => {
  it.each(['000', '022', '077'])('are accessible to their owner only, under umask %s', async (umask) => {
    const scratch = scratchForTest();
    const source = join(scratch, 'disk.img');
    writeFileSync(source, randomBytes(MIB), { mode: 0o600 });
    const command = `umask ${umask}; exec "$@"`;
    const umasked = (...args: readonly string[]): Promise<Outcome> =>
      run('sh', ['-c', command, 'sh', process.execPath, PROGRAM, '-b', join(scratch, 'r'), ...args]);
    const [backup, ...others] = [
      ['backup', 'manual:x', '--force'],
      ['status'],
      ['verify', '--repair'],
      ['tags', 'add', 'manual:y'],
      ['hold', '-r', '0', 'x'],
      ['release', '-r', '0'],
      ['forget', '-r', '1'],
      ['undelete', '-r', 'all'],
      ['purge'],
      ['restore', join(scratch, 'restored')],
    ] as const;
    const init = ['init', 'file', source];
    for (const args of [init, backup, backup, ...others]) {
      expect(await umasked(...args), args.join(' ')).toMatchObject({ exitCode: 0 });
      const open = (await run('find', [scratch, '-mindepth', '1', '-perm', '/077', '!', '-type', 'l']))
        .stdout;
      expect(open, args.join(' ')).toBe('');
    }
    expect(existsSync(join(scratch, 'restored'))).toBe(true);
    expect(lstatSync(join(scratch, 'r')).mode & 0o777).toBe(0o700);
  });
});
