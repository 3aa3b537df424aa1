import { once } from 'node:events';
import type { Command } from 'commander';
import { isBackyError } from '../../errors.ts';
import type { Run } from '../command.ts';
import { withExamples } from '../examples.ts';
import { SUCCESS } from '../exit-code.ts';
import type { GlobalOptions, Session } from '../session.ts';
import { createTerminal } from '../terminal.ts';
import { readVersion } from '../version.ts';

export function schedulerCommand(blank: Command, run: Run): Command {
  return withExamples(blank, [
    ['backy scheduler', 'serve the jobs of /etc/backy.conf'],
    ['backy -c ./site.conf scheduler', 'serve the jobs of another configuration'],
  ])
    .summary('run the service')
    .description(
      'Runs the service: it backs up each job of the configuration at its times, each run in a process of its own, and writes the status file. SIGHUP reads the configuration again; SIGTERM and SIGINT begin no further run, wait for those under way, and end the service. The exit code is 69 if another service holds the base directory.',
    )
    .action((_: object, command: Command) =>
      run(command, (session) => serve(session, command.optsWithGlobals<GlobalOptions>().config)),
    );
}

async function serve({ signal }: Session, path: string): Promise<number> {
  const { Service } = await import('../../service/daemon/service.ts');
  const service = await Service.start(path, { version: readVersion(), log: writeLog });
  // The process began with a SIGHUP that cancels; the service reads its configuration instead.
  process.removeAllListeners('SIGHUP');
  process.on('SIGHUP', () => void reload(service));
  if (!signal.aborted) await once(signal, 'abort');
  await service.stop();
  return SUCCESS;
}

async function reload(service: { reload(by: string): Promise<void> }): Promise<void> {
  try {
    await service.reload('SIGHUP');
  } catch (error) {
    // The service has said so, and the old configuration stays.
    if (!isBackyError(error)) throw error;
  }
}

/** The levels of syslog, which the journal takes from the beginning of a line. */
const LEVELS = { info: '<6>', warning: '<4>' };

function writeLog(level: 'info' | 'warning', message: string): void {
  const isJournal = process.env.JOURNAL_STREAM !== undefined;
  const line = isJournal
    ? LEVELS[level] + message
    : `${new Date().toISOString()} ${level === 'warning' ? 'warning: ' : ''}${message}`;
  createTerminal({ showsProgress: false }).tell(line);
}
