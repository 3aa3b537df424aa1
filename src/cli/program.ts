import { createRequire } from 'node:module';
import type { Command, CommanderError } from 'commander';
import { nearest } from '../domain/nearest.ts';
import { type BackyError, backyError } from '../errors.ts';
import type { Run } from './command.ts';
import { writeOutput } from './terminal.ts';
import { bold, hasColor } from './ui/look.ts';

/** `require` saves 5 of 17 ms: for an import, Node first scans the text of a CommonJS module for its exports. */
const commander: typeof import('commander') = createRequire(import.meta.url)('commander');

/** Gives a blank command its help, its arguments and its action. */
type Describe = (blank: Command, run: Run) => Command;

/** A loader for each command. Loading all of them would cost every run about 10 ms. */
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
  ['scheduler', async () => (await import('./commands/scheduler.ts')).schedulerCommand],
  ['jobs', async () => (await import('./commands/jobs.ts')).jobsCommand],
  ['add', async () => (await import('./commands/add.ts')).addCommand],
  ['run', async () => (await import('./commands/run.ts')).runCommand],
  ['pause', async () => (await import('./commands/pause.ts')).pauseCommand],
  ['resume', async () => (await import('./commands/resume.ts')).resumeCommand],
  ['check', async () => (await import('./commands/check.ts')).checkCommand],
  ['config', async () => (await import('./commands/config.ts')).configCommand],
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

/** Creates the program with its global options, but without its commands. */
export function createProgram(version: string): Command {
  const program = new commander.Command('backy')
    .description(
      'Backs up virtual machine disks, block by block, into plain raw images that share unchanged blocks.',
    )
    .version(version, '--version', 'print the version')
    .helpCommand('help [COMMAND]', 'print the help of a command')
    .option('-b, --backup-directory <DIR>', 'directory of the repository', '.')
    .option('-c, --config <FILE>', 'configuration of the service', '/etc/backy.conf')
    .option('-l, --log <FILE>', 'log to this file instead of backy.log in the repository')
    .option('-v, --verbose', 'print more details')
    .option('-q, --quiet', 'print only requested information and errors')
    .option('--json', 'print machine-readable output')
    .option('--trust-repository', 'trust the configuration of a repository that other users can write to')
    .addHelpText('after', EXAMPLES);
  return withConventions(program);
}

/**
 * Adds one command by its name, or all commands if the name is unknown. Help and suggestions need all of them, and so
 * does the reference documentation.
 */
export async function addCommands(program: Command, run: Run, name = ''): Promise<void> {
  const all = [...COMMANDS];
  const wanted = COMMANDS.has(name) ? all.filter(([each]) => each === name) : all;
  for (const [each, load] of wanted) {
    const describe = await load();
    program.addCommand(describe(withConventions(new commander.Command(each)), run));
  }
}

/** Whether commander threw only to end the program after printing the help or the version. */
export function isAnswered(thrown: unknown): boolean {
  return thrown instanceof commander.CommanderError && thrown.exitCode === 0;
}

function withConventions(command: Command): Command {
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
      // Commander removes the colours if the output does not support them.
      styleTitle: bold,
    });
}

/** Turns an error of commander into BACKY_USAGE. Rethrows requests for help and version. */
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

/** The error for "help" with an unknown command, which commander would answer with the general help. */
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
