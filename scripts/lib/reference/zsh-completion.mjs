import { HELP, HELP_OPTION } from './tree.mjs';
import { kindOf, SPEC_WORDS } from './values.mjs';

const COMPLETE = {
  directory: '_directories',
  file: '_files',
  revision: '_backy_revisions',
  command: '_backy_commands',
};

/** Completion for zsh. It starts no other program. */
export function zshCompletion(/** @type {import('./tree.mjs').Tree} */ tree, /** @type {string} */ origin) {
  return `#compdef backy
# ${origin}

_backy() {
  local curcontext=$curcontext state line directory=.
  typeset -A opt_args
  local -a options
  options=(
${[...tree.options, HELP_OPTION].map((option) => `    ${optionSpec(option)}`).join('\n')}
  )
  _arguments -C $options '1: :_backy_commands' '*:: :->arguments' && return
  [[ $state == arguments ]] || return
  directory=\${opt_args[-b]:-\${opt_args[--backup-directory]:-.}}
  case $words[1] in
    help) _arguments '1: :_backy_commands' ;;
${tree.commands.map(commandCase).join('\n')}
  esac
}

_backy_commands() {
  local -a commands
  commands=(
${[...tree.commands, HELP].map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`).join('\n')}
  )
  _describe -t commands command commands
}

# Ids come from the names of the records, which costs no start of backy.
_backy_revisions() {
  local -a ids
  directory=\${opt_args[-b]:-\${opt_args[--backup-directory]:-$directory}}
  ids=(\${~directory}/*.rev(N:t:r))
  compadd -- ${SPEC_WORDS.join(' ')} \${ids:#last}
}

if [[ $funcstack[1] == _backy ]]; then _backy "$@"; else compdef _backy backy; fi
`;
}

function commandCase(/** @type {import('./tree.mjs').Command} */ { name, options, arguments: operands }) {
  const specs = [...options.map(optionSpec), ...operands.map(operandSpec)];
  return `    ${name}) _arguments $options${specs.map((spec) => ` \\\n      ${spec}`).join('')} ;;`;
}

function optionSpec({ names, value, description }) {
  const text = `[${spec(description)}]${value === undefined ? '' : `:${value}:${action(kindOf(value))}`}`;
  const [name] = names;
  if (names.length === 1) return quote(`${name}${text}`);
  return `${quote(`(${names.join(' ')})`)}{${names.join(',')}}${quote(text)}`;
}

function operandSpec({ name, isRequired, isRepeated, words }, /** @type {number} */ place) {
  const position = isRepeated ? '*' : `${place + 1}`;
  return quote(`${position}:${isRequired ? '' : ':'}${name}:${action(kindOf(name, words))}`);
}

function action(kind) {
  if (kind === undefined) return ' ';
  return Array.isArray(kind) ? `(${kind.join(' ')})` : COMPLETE[kind];
}

function spec(/** @type {string} */ text) {
  return text.replace(/[[\]:\\]/g, '\\$&');
}

function quote(/** @type {string} */ text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
