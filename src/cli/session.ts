import type { Context, LogLevel } from '../operations/context.ts';
import { createContext, openContext } from '../operations/context.ts';
import { createLogWriter, type LogWriter, openNamedLog } from './log-file.ts';
import { createTerminal, type Terminal } from './terminal.ts';
import { createLook, type Look } from './ui/look.ts';

/** The options that every command has. */
export interface GlobalOptions {
  readonly backupDirectory: string;
  readonly config: string;
  readonly log?: string;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly trustRepository?: boolean;
}

/** The services that a command uses. */
export interface Session {
  readonly signal: AbortSignal;
  readonly verbose: boolean;
  /** The repository of -b. @throws BACKY_NO_REPOSITORY */
  repository(): Promise<Context>;
  /** The directory of -b, which need not be a repository. */
  directory(): Context;
  /** Prints the requested information as lines, or as one document with --json. */
  show(result: object, lines: (look: Look) => readonly string[]): void;
  /** Prints what was done, unless -q is given. */
  announce(result: object, lines: () => readonly string[]): void;
  /** Prints the same on standard error, for commands that write data to standard output. */
  announceAside(result: object, lines: () => readonly string[]): void;
  /** Writes to the log. Also prints warnings on standard error, and everything with -v. */
  log(level: LogLevel, message: string): void;
  withProgress: Terminal['withProgress'];
}

/** @param signal cancels the command */
export async function createSession(options: GlobalOptions, signal: AbortSignal): Promise<Session> {
  const { backupDirectory, verbose = false, quiet = false, json = false, trustRepository } = options;
  const terminal = createTerminal({ showsProgress: !quiet && !json });
  const log = createLog(options, terminal, await openLog(options));
  const render = (result: object, lines: () => readonly string[]): readonly string[] =>
    json ? [JSON.stringify(result)] : lines();
  return {
    signal,
    verbose,
    repository: () => openContext(backupDirectory, { log, signal, trustRepository }),
    directory: () => createContext(backupDirectory, { log, trustRepository }),
    show: (result, lines) => {
      const look = createLook({ verbose });
      terminal.print(
        render(result, () => lines(look)),
        look.paint,
      );
    },
    announce: (result, lines) => {
      if (json || !quiet) terminal.print(render(result, lines));
    },
    announceAside: (result, lines) => {
      if (json || verbose) for (const line of render(result, lines)) terminal.tell(line);
    },
    log,
    withProgress: terminal.withProgress,
  };
}

async function openLog({ backupDirectory, log }: GlobalOptions): Promise<LogWriter> {
  const { layout, engine } = createContext(backupDirectory);
  return log === undefined ? createLogWriter(layout) : openNamedLog(log, engine);
}

function createLog({ verbose, quiet, json }: GlobalOptions, terminal: Terminal, write: LogWriter) {
  let isBroken = false;
  const say = (level: LogLevel, message: string): void => {
    if (level === 'error' || (level === 'info' && !verbose) || (level === 'warning' && quiet)) return;
    const line = `backy: ${level === 'warning' ? 'warning: ' : ''}${message}`;
    terminal.tell(json ? JSON.stringify({ messageType: level, message }) : line);
  };
  return (level: LogLevel, message: string): void => {
    say(level, message);
    const problem = isBroken ? undefined : write(level, message, new Date());
    if (problem === undefined) return;
    // A backup without a log is better than none. One warning is enough.
    isBroken = true;
    say('warning', problem);
  };
}
