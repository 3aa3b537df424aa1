import { isNodeError } from '../io-error.ts';
import { checkInvocation } from './check-invocation.ts';
import type { Run } from './command.ts';
import { FAILURE, SUCCESS, UNAVAILABLE, UNKNOWN } from './exit-code.ts';
import { watchExitSignals } from './exit-signals.ts';
import { causeLines, failureJson, failureLine, failureText, toReportable } from './failure.ts';
import { outliveTerminal } from './lost-terminal.ts';
import { addCommands, createProgram, isAnswered } from './program.ts';
import { createSession, type GlobalOptions, type Session } from './session.ts';
import { createTerminal } from './terminal.ts';
import { readVersion } from './version.ts';

/**
 * Runs the command line.
 *
 * @param args without `node` and the script
 * @returns the exit code: 0 it worked, 1 an error, 128 + n ended by signal n
 */
export async function main(args: readonly string[]): Promise<number> {
  outliveTerminal();
  const terminal = createTerminal({ showsProgress: false });
  const signals = watchExitSignals(() => {
    if (process.stderr.isTTY) terminal.tell('cancelling; once more ends backy at once');
  });
  let exitCode = SUCCESS;
  let session: Session | undefined;
  let commandName: string | undefined;
  const run: Run = async (command, work) => {
    checkInvocation(args, workingDirectory(), process.env);
    session = await createSession(command.optsWithGlobals<GlobalOptions>(), signals.signal);
    exitCode = await work(session);
  };
  const program = createProgram(readVersion());
  try {
    const { operands, unknown } = program.parseOptions([...args]);
    commandName = operands[0];
    await addCommands(program, run, commandName);
    if (operands.length + unknown.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (isAnswered(thrown)) return SUCCESS;
    const error = toReportable(thrown);
    const { json, verbose } = program.opts<GlobalOptions>();
    session?.log('error', failureText(error));
    terminal.tell(json ? failureJson(error) : failureLine(error));
    if (verbose && !json) for (const line of causeLines(error)) terminal.tell(line);
    if (error.code === 'BACKY_SERVICE_RUNNING') return UNAVAILABLE;
    if (commandName === 'check') return UNKNOWN;
    return (error.code === 'BACKY_CANCELLED' && signals.exitCode()) || FAILURE;
  }
}

/** The working directory; undefined if it was removed, which matters only to relative paths. */
function workingDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch (error) {
    if (isNodeError(error)) return undefined;
    throw error;
  }
}
