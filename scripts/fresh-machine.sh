#!/usr/bin/env bash
# Tries this commit on a machine that nobody prepared: a bare Debian 12 with Node, Rust and git, and nothing else.
#
#   scripts/fresh-machine.sh demo          npm install && npm run demo
#   scripts/fresh-machine.sh test          npm install && npm test
#   scripts/fresh-machine.sh ci            .ci/run
#   scripts/fresh-machine.sh -- COMMAND    any command of bash, in the clone
#
# It wants root. debootstrap makes the machine in $TMPDIR (by default /var/tmp; some GiB), with the Node and the Rust
# toolchain of this host, and with its settings of registries, mirrors and certificates. Everything runs in namespaces
# for mounts and processes: however this ends, the kernel leaves none of them, and the directory is removed.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
SUITE=bookworm
CLONE=/root/backy

main() {
  local command
  case ${1:-} in
    demo) command='npm install && npm run demo' ;;
    test) command='npm install && npm test' ;;
    ci) command='.ci/run' ;;
    --) command=${*:2} ;;
    in-namespaces) try "${@:2}"; exit ;;
    *) echo "usage: fresh-machine.sh demo|test|ci|-- COMMAND" >&2; exit 2 ;;
  esac
  [[ $(id -u) == 0 ]] || { echo "fresh-machine.sh: this wants root" >&2; exit 1; }
  machine=$(mktemp --directory "${TMPDIR:-/var/tmp}/backy-fresh-XXXXXX")
  trap 'rm --recursive --force --one-file-system "$machine" "$machine.log"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  unshare --mount --pid --fork --kill-child --mount-proc --propagation private "$0" in-namespaces "$machine" "$command"
}

try() {
  machine=$1
  make_debian
  copy_toolchains
  copy_settings
  git clone --quiet --no-hardlinks "$ROOT" "$machine$CLONE"
  run "$2"
}

# The packages that debootstrap calls required, and what the README asks for beside Node and Rust.
make_debian() {
  command -v debootstrap >/dev/null ||
    { apt-get -q update && apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends debootstrap; } >&2
  debootstrap --variant=minbase --include=git,ca-certificates "$SUITE" "$machine" "$(mirror)" >"$machine.log" ||
    { tail -n 20 "$machine.log" >&2; exit 1; }
  # mktemp made the root directory for root alone, and no other user could run a program.
  chmod 755 "$machine"
  # A root directory that is no machine must not start services.
  printf '#!/bin/sh\nexit 101\n' >"$machine/usr/sbin/policy-rc.d"
  chmod +x "$machine/usr/sbin/policy-rc.d"
}

# The mirror that this host installs Debian packages from.
mirror() {
  local mirrors
  mirrors=$(grep -rhoE 'https?://[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null) || true
  read -r mirrors _ <<<"$mirrors"
  echo "${mirrors:-http://deb.debian.org/debian}"
}

copy_toolchains() {
  local npm
  npm=$(dirname "$(dirname "$(readlink --canonicalize "$(command -v npm)")")")
  mkdir --parents "$machine/usr/local/lib/node_modules"
  cp --archive "$(readlink --canonicalize "$(command -v node)")" "$machine/usr/local/bin/node"
  cp --archive "$npm" "$machine/usr/local/lib/node_modules/npm"
  ln --symbolic ../lib/node_modules/npm/bin/npm-cli.js "$machine/usr/local/bin/npm"
  ln --symbolic ../lib/node_modules/npm/bin/npx-cli.js "$machine/usr/local/bin/npx"
  cp --archive "$(rustc --print sysroot)" "$machine/usr/local/rust"
  rm --recursive --force "$machine/usr/local/rust/share"
}

# The settings by which this host reaches registries and mirrors.
copy_settings() {
  local file
  for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/npmrc ~/.npmrc ~/.cargo/config.toml ~/.config/pip/pip.conf; do
    [[ -e $file ]] && install -D --mode=600 "$file" "$machine$file"
  done
  chmod 644 "$machine/etc/resolv.conf" "$machine/etc/hosts"
  for file in /usr/local/share/ca-certificates /etc/ssl/certs; do
    [[ -d $file ]] || continue
    # Existing entries may be links, which would lead to files of this host.
    rm --recursive --force "${machine:?}$file"
    mkdir --parents "$machine$file"
    cp --recursive --dereference "$file/." "$machine$file"
  done
  cat /etc/apt/apt.conf.d/*proxy* >"$machine/etc/apt/apt.conf.d/90host" 2>/dev/null || true
  for file in "" -updates; do echo "deb $(mirror) $SUITE$file main"; done >"$machine/etc/apt/sources.list"
  echo "deb $(mirror | sed 's,/debian,/debian-security,') $SUITE-security main" >>"$machine/etc/apt/sources.list"
}

# Variables of this host's registries come along, and no others.
run() {
  local directory settings
  mapfile -t settings < <(env | grep --extended-regexp '^(PIP_|NPM_CONFIG_|npm_config_|CARGO_|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|SSL_CERT|NODE_EXTRA_CA_CERTS|BACKY_)')
  # Namespaces of mounts can be made only where the root directory is a mount.
  mount --bind "$machine" "$machine"
  for directory in dev sys; do mount --rbind "/$directory" "$machine/$directory"; done
  mount -t proc proc "$machine/proc"
  mount -t tmpfs tmpfs "$machine/run"
  env --ignore-environment "${settings[@]}" HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$machine" bash -c "cd $CLONE && $1"
}

main "$@"
