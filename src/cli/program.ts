import { createRequire } from 'node:module';
import type { Command, CommanderError } from 'commander';
import { nearest } from '../domain/nearest.ts';
import { type BackyError, backyError } from '../errors.ts';
import type { Run } from './command.ts';
import { writeOutput } from './terminal.ts';
import { bold, hasColor } from './ui/look.ts';

/** Not imported, because Node would first search its text for what it exports: 5 ms of 17. */
const commander: typeof import('commander') = createRequire(import.meta.url)('commander');

/** Tells a blank command what it is called for, what it takes and what it does. */
type Describe = (blank: Command, run: Run) => Command;

/** How each command is loaded: alone, for all the others with their reports would cost every run some 10 ms. */
const COMMANDS: ReadonlyMap<string, () => Promise<Describe>> = new Map([
  ['init', async () => (await import('./commands/init.ts')).initCommand],
  ['backup', async () => (await import('./commands/backup.ts')).backupCommand],
  ['status', async () => (await import('./commands/status.ts')).statusCommand],
  ['restore', async () => (await import('./commands/restore.ts')).restoreCommand],
  ['find', async () => (await import('./commands/find.ts')).findCommand],
  ['verify', async () => (await import('./commands/verify.ts')).verifyCommand],
  ['expire', async () => (await import('./commands/expire.ts')).expireCommand],
  ['forget', async () => (await import('./commands/forget.ts')).forgetCommand],
  ['adopt', async () => (await import('./commands/adopt.ts')).adoptCommand],
  ['undelete', async () => (await import('./commands/undelete.ts')).undeleteCommand],
  ['tags', async () => (await import('./commands/tags.ts')).tagsCommand],
  ['hold', async () => (await import('./commands/hold.ts')).holdCommand],
  ['release', async () => (await import('./commands/release.ts')).releaseCommand],
  ['distrust', async () => (await import('./commands/distrust.ts')).distrustCommand],
  ['schedule', async () => (await import('./commands/schedule.ts')).scheduleCommand],
  ['purge', async () => (await import('./commands/purge.ts')).purgeCommand],
  ['retire', async () => (await import('./commands/retire.ts')).retireCommand],
  ['doctor', async () => (await import('./commands/doctor.ts')).doctorCommand],
]);

const EXAMPLES = `
Examples:
  backy -b /srv/backy/my-vm init file /dev/vg0/my-vm
  backy -b /srv/backy/my-vm backup
  backy -b /srv/backy/my-vm status
  backy -b /srv/backy/my-vm restore /dev/vg0/my-vm
  backy -b /srv/backy/my-vm restore -r 1 - | gzip > yesterday.img.gz

A revision is a plain raw image: "dd if=/srv/backy/my-vm/last of=disk.img bs=4M" restores it without backy.`;

/** The program without its commands: what it is called, and the options that all commands have. */
export function createProgram(version: string): Command {
  const program = new commander.Command('backy')
    .description(
      'Backs up virtual machine disks, block by block, into plain raw images that share unchanged blocks.',
    )
    .version(version, '--version', 'print the version')
    .helpCommand('help [COMMAND]', 'print the help of a command')
    .option('-b, --backup-directory <DIR>', 'directory of the repository', '.')
    .option('-l, --log <FILE>', 'log to this file instead of backy.log in the repository')
    .option('-v, --verbose', 'say more on standard error')
    .option('-q, --quiet', 'say nothing but what was asked for, and errors')
    .option('--json', 'print machine-readable output')
    .option('--trust-repository', 'act by the configuration of a repository that other users may write to')
    .addHelpText('after', EXAMPLES);
  return withOurManners(program);
}

/**
 * Adds the command of a name, or all of them when there is none of that name: help and suggestions need all.
 * The reference documentation is generated from the whole tree.
 */
export async function addCommands(program: Command, run: Run, name = ''): Promise<void> {
  const all = [...COMMANDS];
  const wanted = COMMANDS.has(name) ? all.filter(([each]) => each === name) : all;
  for (const [each, load] of wanted) {
    const describe = await load();
    program.addCommand(describe(withOurManners(new commander.Command(each)), run));
  }
}

/** Whether something was thrown because help or the version was asked for, and printed. */
export function isAnswered(thrown: unknown): boolean {
  return thrown instanceof commander.CommanderError && thrown.exitCode === 0;
}

function withOurManners(command: Command): Command {
  return command
    .helpOption('-h, --help', 'print this help')
    .exitOverride((error) => throwUsageError(command, error))
    .configureOutput({
      writeOut: writeOutput,
      writeErr: () => {},
      outputError: () => {},
      getOutHasColors: () => hasColor(process.stdout, process.env),
    })
    .configureHelp({
      showGlobalOptions: true,
      // Commander takes the colours out again where the output has none.
      styleTitle: bold,
    });
}

/** Turns what commander complains of into our kind of error; help and version are passed on as they are. */
function throwUsageError(command: Command, error: CommanderError): never {
  if (error.exitCode === 0) throw error;
  if (error.code === 'commander.help') throw unknownCommand(command, error);
  const [complaint = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const name = command.parent ? `${command.parent.name()} ${command.name()}` : command.name();
  throw backyError(
    'BACKY_USAGE',
    {
      problem: upperFirst(complaint),
      advice: suggestion?.replace(/^\((.*)\)$/, '$1') ?? `"${name} --help" explains it`,
    },
    { cause: error },
  );
}

/** Commander answers "help" of what is no command with all of its help. */
function unknownCommand({ args: [, name = ''] }: Command, cause: CommanderError): BackyError {
  const meant = nearest(name, COMMANDS.keys());
  return backyError(
    'BACKY_USAGE',
    {
      problem: `Unknown command '${name}'`,
      advice: meant ? `Did you mean ${meant}?` : '"backy --help" explains it',
    },
    { cause },
  );
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
