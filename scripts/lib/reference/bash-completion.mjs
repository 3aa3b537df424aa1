import { HELP, HELP_OPTION } from './tree.mjs';
import { kindOf, SPEC_WORDS, valueOptions } from './values.mjs';

const COMPLETE = {
  directory: '_backy_paths -d',
  file: '_backy_paths -f',
  revision: '_backy_revisions "$directory"',
  command: '_backy_words "$commands"',
};

/** Completion for bash 3.2 and newer. It starts no other program. */
export function bashCompletion(/** @type {import('./tree.mjs').Tree} */ tree, /** @type {string} */ origin) {
  const names = [...tree.commands, HELP].map(({ name }) => name).join(' ');
  const values = valueOptions(tree);
  return `# bash completion for backy
# ${origin}

_backy() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local commands='${names}'
  local command='' directory=. operands=0 index word
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case $word in
      -b | --backup-directory) directory=\${COMP_WORDS[index += 1]} ;;
      ${patternOf(values.filter(({ names }) => !names.includes('-b')))}) ((index += 1)) ;;
      -?*) ;;
      *) if [[ -z $command ]]; then command=$word; else ((operands += 1)); fi ;;
    esac
  done

  case $previous in
${values.map(({ names, kind }) => `    ${names.join(' | ')}) ${completes(kind)} && return ;;`).join('\n')}
  esac

  local options='${namesOf([...tree.options, HELP_OPTION])}'
  case $command in
    '') [[ $current == -* ]] || { _backy_words "$commands" && return; } ;;
    help) _backy_words "$commands" && return ;;
${tree.commands.map(commandCase).join('\n')}
  esac
  _backy_words "$options"
}

_backy_words() {
  local IFS=$' \\t\\n'
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}

_backy_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$current"))
}

# Ids come from the names of the records, which costs no start of backy.
_backy_revisions() {
  local words='${SPEC_WORDS.join(' ')}' record directory=\${1/#\\~/$HOME}
  for record in "$directory"/*.rev; do
    record=\${record##*/}
    [[ $record == \\* || $record == last.rev ]] || words+=" \${record%.rev}"
  done
  _backy_words "$words"
}

complete -F _backy backy
`;
}

function commandCase(/** @type {import('./tree.mjs').Command} */ { name, options, arguments: operands }) {
  const lines = [`    ${name})`, `      options+='${options.length > 0 ? ` ${namesOf(options)}` : ''}'`];
  const known = operands
    .map((operand, place) => ({ place, kind: kindOf(operand.name, operand.words) }))
    .filter(({ kind }) => kind !== undefined);
  if (known.length > 0)
    lines.push(
      '      if [[ $current != -* ]]; then',
      '        case $operands in',
      ...known.map(({ place, kind }) => `          ${place}) ${completes(kind)} && return ;;`),
      '        esac',
      '      fi',
    );
  return [...lines, '      ;;'].join('\n');
}

function completes(kind) {
  if (kind === undefined) return 'return 0';
  return Array.isArray(kind) ? `_backy_words '${kind.join(' ')}'` : COMPLETE[kind];
}

function namesOf(options) {
  return options.flatMap(({ names }) => names).join(' ');
}

function patternOf(options) {
  return options.flatMap(({ names }) => names).join(' | ');
}
