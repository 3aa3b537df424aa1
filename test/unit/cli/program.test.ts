import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { Run } from '../../../src/cli/command.ts';
import { addCommands, createProgram } from '../../../src/cli/program.ts';
import type { GlobalOptions } from '../../../src/cli/session.ts';

/** Which command a command line leads to, and the options it gets. */
async function parse(
  ...args: readonly string[]
): Promise<{ name: string; options: object; args: readonly string[] }> {
  const found: Command[] = [];
  const run: Run = async (command) => void found.push(command);
  const program = createProgram('1.2.3');
  await addCommands(program, run);
  await program.parseAsync(args, { from: 'user' });
  const [command] = found;
  return {
    name: command?.name() ?? '',
    options: command?.optsWithGlobals<GlobalOptions>() ?? {},
    args: command?.args ?? [],
  };
}

describe('the command line', () => {
  it.each([
    ['before', ['-b', '/r', '-l', 'x.log', '-v', '-q', '--json', 'restore', '-r', '1', '--force', 'out.img']],
    ['after', ['restore', '-r', '1', '--force', 'out.img', '-b', '/r', '-l', 'x.log', '-v', '-q', '--json']],
    ['between', ['restore', '-b', '/r', '-r', '1', '-vq', 'out.img', '--json', '--force', '-l', 'x.log']],
  ])('takes global options %s the command', async (_, args) => {
    expect(await parse(...args)).toEqual({
      name: 'restore',
      args: ['out.img'],
      options: {
        backupDirectory: '/r',
        config: '/etc/backy.conf',
        log: 'x.log',
        verbose: true,
        quiet: true,
        json: true,
        revision: '1',
        force: true,
      },
    });
  });

  it('has the current directory and the last revision for defaults', async () => {
    expect((await parse('restore', '-')).options).toEqual({
      backupDirectory: '.',
      config: '/etc/backy.conf',
      revision: 'last',
    });
    expect((await parse('verify')).options).toEqual({ backupDirectory: '.', config: '/etc/backy.conf' });
    expect((await parse('restore', '-')).args).toEqual(['-']);
  });

  it('joins several -r options if a command takes several revisions', async () => {
    expect((await parse('forget', '-r', '0', '-r', 'tag:a & 3..5')).options).toMatchObject({
      revision: '0,tag:a & 3..5',
    });
    expect((await parse('hold', 'audit', '-r', '1', '--revision', '2', '-r3')).options).toMatchObject({
      revision: '1,2,3',
    });
    expect((await parse('hold', 'audit')).options).toMatchObject({ revision: 'last' });
  });

  it.each([
    [['staus'], "Unknown command 'staus'", 'Did you mean status?'],
    [['xyzzy'], "Unknown command 'xyzzy'", '"backy --help" explains it'],
    [['help', 'xyzzy'], "Unknown command 'xyzzy'", '"backy --help" explains it'],
    [['help', 'staus'], "Unknown command 'staus'", 'Did you mean status?'],
    [['help', 'help'], "Unknown command 'help'", '"backy --help" explains it'],
    [['status', '--jsn'], "Unknown option '--jsn'", 'Did you mean --json?'],
    [['restore'], "Missing required argument 'TARGET'", '"backy restore --help" explains it'],
    [['init', 'file'], "Missing required argument 'SOURCE'", '"backy init --help" explains it'],
    [['find', '-r'], "Option '-r, --revision <SPEC>' argument missing", '"backy find --help" explains it'],
    [
      ['status', 'x'],
      expect.stringMatching(/^Too many arguments for 'status'\. Expected 0 arguments but got 1/),
      '"backy status --help" explains it',
    ],
    [
      ['find', '-r', '0', '-r', '1'],
      '-r is given twice, as "0" and as "1", and this command takes one revision',
      'Name one revision',
    ],
    [['-b'], "Option '-b, --backup-directory <DIR>' argument missing", '"backy --help" explains it'],
  ])('explains the error in %s', async (args, message, remedy) => {
    await expect(parse(...args)).rejects.toMatchObject({ code: 'BACKY_USAGE', message, remedy });
  });

  it('loads the command that is named alone, and all of them for any other word', async () => {
    const namesFor = async (name?: string): Promise<readonly string[]> => {
      const program = createProgram('1.2.3');
      await addCommands(program, async () => {}, name);
      return program.commands.map((command) => command.name());
    };
    const all = await namesFor();
    expect(all).toHaveLength(26);
    for (const name of all) expect(await namesFor(name)).toEqual([name]);
    for (const name of ['help', 'staus', '']) expect(await namesFor(name)).toEqual(all);
  });

  it('describes every command, option and argument', async () => {
    const program = createProgram('1.2.3');
    await addCommands(program, async () => {});
    for (const command of [program, ...program.commands]) {
      expect(command.description(), command.name()).toMatch(/\.$/);
      const described = [...command.options, ...command.registeredArguments];
      for (const { description } of described) expect(description, command.name()).toMatch(/[^.]$/);
    }
    expect(program.commands.map((command) => command.summary())).not.toContain('');
  });
});
