# bash completion for backy
# Written by scripts/generate-reference.mjs: change the sources it reads, not this file.

_backy() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands='init backup status restore find verify expire forget adopt undelete tags hold release distrust schedule purge retire scheduler jobs add run pause resume check config doctor help'
  local command='' directory=. operands=0 index word
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    case $word in
      -b | --backup-directory) directory=${COMP_WORDS[index += 1]} ;;
      -c | --config | -l | --log | --slot | --rate | -r | --revision | --older-than | --limit | --expect | --until | --schedule | --reason | --for | --all | --format | --output) ((index += 1)) ;;
      -?*) ;;
      *) if [[ -z $command ]]; then command=$word; else ((operands += 1)); fi ;;
    esac
  done

  case $previous in
    -b | --backup-directory) _backy_paths -d && return ;;
    -c | --config) _backy_paths -f && return ;;
    -l | --log) _backy_paths -f && return ;;
    --slot) return 0 && return ;;
    --rate) return 0 && return ;;
    -r | --revision) _backy_revisions "$directory" && return ;;
    --older-than) return 0 && return ;;
    --limit) return 0 && return ;;
    --expect) return 0 && return ;;
    --until) return 0 && return ;;
    --schedule) return 0 && return ;;
    --reason) return 0 && return ;;
    --for) return 0 && return ;;
    --all) _backy_paths -d && return ;;
    --format) return 0 && return ;;
    --output) _backy_paths -f && return ;;
  esac

  local options='--version -b --backup-directory -c --config -l --log -v --verbose -q --quiet --json --trust-repository -h --help'
  case $command in
    '') [[ $current == -* ]] || { _backy_words "$commands" && return; } ;;
    help) _backy_words "$commands" && return ;;
    init)
      options+=' -f --force --require-reflink'
      if [[ $current != -* ]]; then
        case $operands in
          0) _backy_words 'file lvm ceph-rbd' && return ;;
          1) _backy_paths -f && return ;;
        esac
      fi
      ;;
    backup)
      options+=' --slot -f --force --rate --idle --no-idle'
      ;;
    status)
      options+=' --all'
      ;;
    restore)
      options+=' -r --revision --force --clone --abandon --rate --idle'
      if [[ $current != -* ]]; then
        case $operands in
          0) _backy_paths -f && return ;;
        esac
      fi
      ;;
    find)
      options+=' -r --revision'
      ;;
    verify)
      options+=' -r --revision --older-than --limit --newest-first --repair --accept-records --rate --idle'
      ;;
    expire)
      options+=' -n --dry-run --yes'
      ;;
    forget)
      options+=' -r --revision -n --dry-run --yes-the-last'
      ;;
    adopt)
      options+=' -n --dry-run'
      ;;
    undelete)
      options+=' -r --revision'
      ;;
    tags)
      options+=' -r --revision --expect -f --force -n --dry-run'
      if [[ $current != -* ]]; then
        case $operands in
          0) _backy_words 'set add remove' && return ;;
        esac
      fi
      ;;
    hold)
      options+=' -r --revision --until'
      ;;
    release)
      options+=' -r --revision'
      ;;
    distrust)
      options+=' -r --revision -n --dry-run'
      ;;
    schedule)
      options+=' --from-nothing'
      ;;
    purge)
      options+=' -n --dry-run'
      ;;
    retire)
      options+=' -n --dry-run'
      ;;
    scheduler)
      options+=''
      ;;
    jobs)
      options+=''
      ;;
    add)
      options+=' --schedule'
      if [[ $current != -* ]]; then
        case $operands in
          1) _backy_words 'file lvm ceph-rbd' && return ;;
          2) _backy_paths -f && return ;;
        esac
      fi
      ;;
    run)
      options+=' --all'
      ;;
    pause)
      options+=' --reason --for --until'
      ;;
    resume)
      options+=''
      ;;
    check)
      options+=' --all --format --output'
      ;;
    config)
      options+=''
      if [[ $current != -* ]]; then
        case $operands in
          0) _backy_words 'check' && return ;;
        esac
      fi
      ;;
    doctor)
      options+=''
      ;;
  esac
  _backy_words "$options"
}

_backy_words() {
  local IFS=$' \t\n'
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}

_backy_paths() {
  local IFS=$'\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$current"))
}

# Ids come from the names of the records, which costs no start of backy.
_backy_revisions() {
  local words='last first all clean' record directory=${1/#\~/$HOME}
  for record in "$directory"/*.rev; do
    record=${record##*/}
    [[ $record == \* || $record == last.rev ]] || words+=" ${record%.rev}"
  done
  _backy_words "$words"
}

complete -F _backy backy
