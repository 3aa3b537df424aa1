import { HELP, HELP_OPTION } from './tree.mjs';
import { kindOf, SPEC_WORDS, valueOptions } from './values.mjs';

const COMPLETE = {
  directory: "-x -a '(__fish_complete_directories)'",
  file: '-r -F',
  revision: "-x -a '(__backy_revisions)'",
};

/** Completion for fish. It starts no other program. */
export function fishCompletion(/** @type {import('./tree.mjs').Tree} */ tree, /** @type {string} */ origin) {
  const values = valueOptions(tree).flatMap(({ names }) => names);
  return `# fish completion for backy
# ${origin}

# The command of the line, then its operands, each on a line of its own.
function __backy_operands
    set -l words (commandline -opc)
    set -e words[1]
    set -l is_value 0
    for word in $words
        if test $is_value = 1
            set is_value 0
            continue
        end
        switch $word
            case ${values.join(' ')}
                set is_value 1
            case '-?*'
            case '*'
                echo -- $word
        end
    end
end

function __backy_needs_command
    test (count (__backy_operands)) -eq 0
end

# Whether the command of the line is the first argument, and so many operands follow it; without a number: any.
function __backy_is
    set -l operands (__backy_operands)
    test (count $operands) -gt 0 -a "$operands[1]" = $argv[1]
    or return 1
    test (count $argv) -eq 1
    or test (count $operands) -eq (math $argv[2] + 1)
end

# Ids come from the names of the records, which costs no start of backy.
function __backy_revisions
    set -l words (commandline -opc)
    set -l directory .
    for index in (seq (count $words))
        contains -- $words[$index] -b --backup-directory
        and set -q words[(math $index + 1)]
        and set directory $words[(math $index + 1)]
    end
    string replace -r '^~' ~ -- $directory | read directory
    printf '%s\\n' ${SPEC_WORDS.join(' ')}
    for record in $directory/*.rev
        set -l id (string replace -r '.*/(.*)\\.rev$' '$1' -- $record)
        test $id = last
        or echo $id
    end
end

complete -c backy -f
${[...tree.options, HELP_OPTION].map((option) => optionLine(option)).join('\n')}
${[...tree.commands, HELP].map(({ name, summary }) => `complete -c backy -n __backy_needs_command -a ${name} -d ${quote(summary)}`).join('\n')}
complete -c backy -n '__backy_is help 0' -a '${tree.commands.map(({ name }) => name).join(' ')}'
${tree.commands.flatMap(commandLines).join('\n')}
`;
}

function commandLines(/** @type {import('./tree.mjs').Command} */ { name, options, arguments: operands }) {
  const places = operands.flatMap((operand, place) => {
    const kind = kindOf(operand.name, operand.words);
    if (kind === undefined) return [];
    const words = Array.isArray(kind) ? `-a '${kind.join(' ')}'` : '-F';
    return [`complete -c backy -n '__backy_is ${name} ${place}' ${words} -d ${operand.name}`];
  });
  return [...options.map((option) => optionLine(option, name)), ...places];
}

function optionLine({ names, value, description }, /** @type {string | undefined} */ command) {
  const condition = command === undefined ? '' : ` -n '__backy_is ${command}'`;
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const takes = value === undefined ? '' : ` ${COMPLETE[kindOf(value)] ?? '-x'}`;
  return `complete -c backy${condition} ${flags.join(' ')}${takes} -d ${quote(description)}`;
}

function quote(/** @type {string} */ text) {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
