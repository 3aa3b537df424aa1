import { Command } from 'commander';
import type { Run } from './command.ts';
import { backupCommand } from './commands/backup.ts';
import { doctorCommand } from './commands/doctor.ts';
import { findCommand } from './commands/find.ts';
import { initCommand } from './commands/init.ts';
import { purgeCommand } from './commands/purge.ts';
import { restoreCommand } from './commands/restore.ts';
import { statusCommand } from './commands/status.ts';
import { verifyCommand } from './commands/verify.ts';
import { writeOutput } from './terminal.ts';
import { throwUsageError } from './usage.ts';

const EXAMPLES = `
Examples:
  backy -b /srv/backy/my-vm init file /dev/vg0/my-vm
  backy -b /srv/backy/my-vm backup
  backy -b /srv/backy/my-vm status
  backy -b /srv/backy/my-vm restore /dev/vg0/my-vm
  backy -b /srv/backy/my-vm restore -r 1 - | gzip > yesterday.img.gz

A revision is a plain raw image: "dd if=/srv/backy/my-vm/last of=disk.img bs=4M" restores it without backy.`;

/** The tree of commands. The reference documentation is generated from it. */
export function buildProgram(version: string, run: Run): Command {
  const program = new Command('backy')
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
    .addHelpText('after', EXAMPLES);
  const commands = [
    initCommand,
    backupCommand,
    statusCommand,
    restoreCommand,
    findCommand,
    verifyCommand,
    purgeCommand,
    doctorCommand,
  ];
  for (const create of commands) program.addCommand(create(run));
  for (const command of [program, ...program.commands]) {
    command
      .helpOption('-h, --help', 'print this help')
      .exitOverride((error) => throwUsageError(command, error))
      .configureOutput({ writeOut: writeOutput, outputError: () => {} })
      .configureHelp({ showGlobalOptions: true });
  }
  return program;
}
