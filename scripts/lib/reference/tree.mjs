/** The tree of commands as plain data, for whatever is generated from it. */

import { examplesOf } from '../../../dist/cli/examples.js';
import { addCommands, createProgram } from '../../../dist/cli/program.js';

/**
 * @typedef {{ name: string, description: string, isRequired: boolean, isRepeated: boolean, words: readonly string[] }} Argument
 * @typedef {{ flags: string, names: readonly string[], value?: string, description: string, defaultValue?: string }} Option
 * @typedef {{ name: string, summary: string, description: string, usage: string, arguments: readonly Argument[],
 *   options: readonly Option[], examples: readonly (readonly [string, string])[] }} Command
 * @typedef {{ description: string, options: readonly Option[], commands: readonly Command[] }} Tree
 */

/** @returns {Promise<Tree>} */
export async function readTree() {
  const program = createProgram('');
  await addCommands(program, async () => {});
  return {
    description: program.description(),
    options: program.options.map(optionOf),
    commands: program.commands.map(commandOf),
  };
}

/** `help` is built into the program; completions offer it, too. */
export const HELP = { name: 'help', summary: 'print the help of a command' };

/** The options that every command has beside its own. */
export const HELP_OPTION = { flags: '-h, --help', names: ['-h', '--help'], description: 'print this help' };

/** @returns {Command} */
function commandOf(/** @type {import('commander').Command} */ command) {
  return {
    name: command.name(),
    summary: command.summary(),
    description: command.description(),
    usage: command.usage(),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: argument.description,
      isRequired: argument.required,
      isRepeated: argument.variadic,
      words: argument.argChoices ?? [],
    })),
    options: command.options.map(optionOf),
    examples: examplesOf(command),
  };
}

/** @returns {Option} */
function optionOf(/** @type {import('commander').Option} */ option) {
  const { flags, short, long, description, defaultValue } = option;
  return {
    flags,
    names: [short, long].filter((name) => name !== undefined),
    value: /[<[](.+)[>\]]/.exec(flags)?.[1],
    description,
    defaultValue,
  };
}
