import type { Command, CommanderError } from 'commander';
import { backyError } from '../errors.ts';

/** Turns what commander complains of into our kind of error; help and version are passed on as they are. */
export function throwUsageError(command: Command, error: CommanderError): never {
  if (error.exitCode === 0) throw error;
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

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
