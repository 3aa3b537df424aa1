#!/usr/bin/env bash
# Installs the Debian packages that building and testing backy needs, and only those that are missing.
#
#   scripts/install-debian-packages.sh              everything
#   scripts/install-debian-packages.sh cc mkfs.xfs  only what brings these commands
#
# As root on Debian or Ubuntu it installs. Elsewhere it says in one line what is missing and succeeds,
# because most tests run without; with CI=true something missing is an error.
set -euo pipefail

# One line per need: the command to look for, then the package that brings it.
# A path instead of a command stands for a package that brings no command.
needs='
cc                   gcc
/usr/include/stdio.h libc6-dev
mkfs.ext4            e2fsprogs
debugfs              e2fsprogs
mkfs.btrfs           btrfs-progs
mkfs.xfs             xfsprogs
losetup              mount
fusermount3          fuse3
strace               strace
b3sum                b3sum
nbdkit               nbdkit
nbdcopy              libnbd-bin
nbdfuse              nbdfuse
rbd                  ceph-common
ceph-mon             ceph-mon
ceph-mgr             ceph-mgr
ceph-osd             ceph-osd
lvs                  lvm2
thin_delta           thin-provisioning-tools
qemu-system-x86_64   qemu-system-x86
qemu-storage-daemon  qemu-system-common
qemu-nbd             qemu-utils
qemu-img             qemu-utils
/usr/share/seabios   seabios
busybox              busybox-static
cpio                 cpio
depmod               kmod
xz                   xz-utils
zstd                 zstd
gcc-12               gcc-12
make                 make
/usr/lib/x86_64-linux-gnu/libelf.so.1 libelf1
/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
pip3                 python3-pip
zsh                  zsh
fish                 fish
mandoc               mandoc
'

main() {
  export PATH="$PATH:/usr/sbin:/sbin"
  local missing
  missing=$(missing_needs "$@")
  [[ -n $missing ]] || return 0

  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    install_packages "$missing"
    missing=$(missing_needs "$@")
    [[ -n $missing ]] || return 0
  fi

  echo "missing: $(columns 1 "$missing"); some tests cannot run. As root on Debian: apt-get install $(columns 2 "$missing")" >&2
  [[ ${CI:-} != true ]]
}

# Prints the lines of the table whose command is not there; with arguments, only those of these commands.
missing_needs() {
  local command package
  while read -r command package; do
    [[ -n $command ]] || continue
    [[ $# == 0 || " $* " == *" $command "* ]] || continue
    is_there "$command" || echo "$command $package"
  done <<<"$needs"
}

is_there() {
  if [[ $1 == /* ]]; then [[ -e $1 ]]; else command -v "$1" >/dev/null; fi
}

install_packages() {
  local packages
  # Every step is bounded: a mirror that hangs must fail a run, not stall it.
  export DEBIAN_FRONTEND=noninteractive
  local apt=(apt-get -q -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o DPkg::Lock::Timeout=120)
  timeout 300 "${apt[@]}" update >&2 || return 0
  read -ra packages <<<"$(columns 2 "$(with_known_names "$1")")"
  echo "installing: ${packages[*]}" >&2
  timeout 600 "${apt[@]}" install -y --no-install-recommends "${packages[@]}" >&2 || return 0
}

# Debian 12 ships nbdfuse inside libnbd-bin, later releases in a package of its own.
with_known_names() {
  if apt-cache show nbdfuse >/dev/null 2>&1; then echo "$1"; else echo "${1/ nbdfuse/ libnbd-bin}"; fi
}

# Prints column $1 of the lines $2 in one line, each word once.
columns() {
  awk -v column="$1" '!seen[$column]++ { printf "%s%s", separator, $column; separator = " " }' <<<"$2"
}

main "$@"
