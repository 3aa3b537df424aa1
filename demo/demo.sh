#!/bin/bash
# `npm run demo`: the main job, from nothing to files restored, on a real disk image made of files of this machine.
# Works in a temporary directory and leaves nothing behind. Exits 1 if anything restored differs.
set -Eeuo pipefail
export LC_ALL=C.UTF-8

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
work=$(mktemp --directory "${TMPDIR:-/var/tmp}/backy-demo-XXXXXX")
log=$work/log
LETTER="Dear reader, I was deleted after the first backup."

# shellcheck source=demo/host.sh
. "$here/host.sh"

main() {
  need_tools
  step "Building backy (a minute or two the first time)"
  quietly npm --prefix "$root" run build
  enter_workspace

  step "A virtual machine's disk"
  make_disk
  say "disk.img: $(size "$(stat --dereference --format=%s disk.img)") ext4 with $file_count files of this machine, on $place."

  step "First backup"
  mkdir repository
  run backy -b repository init file "$PWD/disk.img"
  run backy -b repository backup manual:before
  same disk.img repository/last
  cp --reflink=auto --sparse=always disk.img disk-before.img

  step "The guest deletes a letter, overwrites 4 MiB and writes 12 MiB of new files; second backup"
  change_disk
  local free_before; free_before=$(free_space)
  run backy -b repository backup manual:after
  local taken=$((free_before - $(free_space)))
  same disk.img repository/last

  step "What there is"
  run backy -b repository status
  say ""
  space_of_revisions
  if is_on_btrfs; then say "The second backup took $(size "$taken") of the filesystem."; fi

  step "Restoring, with dd and with backy"
  run dd if=repository/last of=by-dd.img bs=4M status=none
  same disk.img by-dd.img
  run backy -b repository restore -r last by-backy.img
  same disk.img by-backy.img
  run backy -b repository restore -r first before.img
  same disk-before.img before.img

  step "Reading the deleted letter out of the first revision"
  local first; first=$(backy -b repository find -r first)
  read_file "$first" letter.txt >letter
  say "\"$(cat letter)\""
  [ "$(cat letter)" = "$LETTER" ] || die "The letter is not what was written."

  step "All well: every comparison was equal. Everything made here is removed again."
}

backy() { node "$root/bin/backy.js" "$@"; }

# Shows a command, runs it, indents what it says.
run() {
  say "\$ $*" | sed "s|$PWD/||g"
  "$@" 2>&1 | sed 's/^./     &/'
}

same() {
  cmp "$1" "$2" >&2 || die "$1 and $2 differ."
  say "$2 is identical to $1."
}

# Prints for each revision how much is its own and how much it shares, according to the filesystem's extent maps.
# On btrfs the newest must share blocks: that is what this demonstration is about.
space_of_revisions() {
  local record number=0 own shared
  for record in repository/*-*.rev; do
    number=$((number + 1))
    read -r own shared < <(filefrag -s -v -b4096 "${record%.rev}" | awk -F: '
      $1 ~ /^ *[0-9]+$/ { if (/shared/) shared += $4; else own += $4 }
      END { print own + 0, shared + 0 }')
    say "Revision $number: $(size $((own * 4096))) of its own, $(size $((shared * 4096))) shared."
  done
  is_on_btrfs && [ "$shared" = 0 ] && die "The newest revision shares no block with the one before."
  return 0
}

is_on_btrfs() { [ "$PWD" != "$work" ]; }

# Free bytes once everything is written.
free_space() {
  sync --file-system .
  df --output=avail --block-size=1 . | tail -n 1
}

size() { awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 2 ^ 20 }'; }
step() { printf '\n%s\n' "$1"; }
say() { printf '   %s\n' "$1"; }
die() {
  printf 'demo: %s\n' "$1" >&2
  exit 1
}

trap clean_up EXIT
trap 'die "this failed: $BASH_COMMAND"' ERR
trap 'exit 130' INT
trap 'exit 143' TERM
main
