import type { Command } from 'commander';

/** A realistic command line and its purpose. */
export type Example = readonly [line: string, purpose: string];

const EXAMPLES = new WeakMap<Command, readonly Example[]>();

/** Puts two examples at the end of a command's help. The man page shows them, too. */
export function withExamples(command: Command, examples: readonly [Example, Example]): Command {
  EXAMPLES.set(command, examples);
  return command.addHelpText('after', ({ command }) => helpText(command, examples));
}

/** The examples of a command; an empty list if it has none. */
export function examplesOf(command: Command): readonly Example[] {
  return EXAMPLES.get(command) ?? [];
}

function helpText(command: Command, examples: readonly Example[]): string {
  const { styleTitle } = command.createHelp();
  const lines = examples.flatMap(([line, purpose]) => [`  ${line}`, `      ${purpose}`]);
  return ['', styleTitle('Examples:'), ...lines].join('\n');
}
