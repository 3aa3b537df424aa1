#!/usr/bin/env bash
# Makes the kernel and the first root filesystem of a guest with device mapper: make-guest.sh DIRECTORY [CACHE]
# With CACHE the guest has ZFS instead, whose modules are built once and kept in that directory.
# The kernel is the one of this distribution, or for ZFS that of Debian 12, fetched with apt-get; nothing is installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C

basic='virtio_pci 9pnet_virtio 9p overlay virtio_console virtio_blk'

main() {
  work=$(mktemp -d "$1.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{packages,root,guest,ramfs/{bin,modules,extra}}
  # shellcheck source=packages.sh
  . "$here/packages.sh"
  if [[ -n ${2:-} ]]; then
    # shellcheck source=zfs.sh
    . "$here/zfs.sh"
    use_debian
    fetch_kernel
    add_zfs "$2"
    modules="$basic zfs"
  else
    fetch_kernel
    modules="$basic xfs ext4 dm-mod dm-thin-pool dm-snapshot"
  fi
  local version
  version=$(basename "$work"/root/lib/modules/*)
  unpack_kernel "$work/root/boot/vmlinuz-$version" "$work/guest/kernel"
  add_busybox
  add_modules "$version"
  install -m 755 "$here/init.sh" "$work/ramfs/init"
  install -m 755 "$here/serve.sh" "$work/ramfs/serve"
  (cd "$work/ramfs" && find . | cpio --quiet -o -H newc) >"$work/guest/initramfs"
  # Whoever else made the same guest meanwhile has made it as well.
  mv -T "$work/guest" "$1" 2>/dev/null || [[ -f $1/initramfs ]]
}

# Debian has the modules in the package of the kernel, Ubuntu in two of their own.
fetch_kernel() {
  local kernel part
  kernel=$(name_of_kernel)
  [[ -n $kernel ]] || { refresh_lists; kernel=$(name_of_kernel); }
  for part in "linux-image-$kernel" "linux-modules-$kernel" "linux-modules-extra-$kernel"; do
    if is_known "$part"; then unpack "$work/root" "$part"; fi
  done
  [[ -e $work/root/lib ]] || mv "$work/root/usr/lib" "$work/root/lib"
}

name_of_kernel() {
  apt-cache "${apt[@]}" depends linux-image-amd64 linux-image-generic 2>/dev/null |
    sed -n 's/^ *Depends: linux-image-\([0-9].*\)/\1/p' | head -n 1
}

# The ELF kernel inside the compressed one starts several seconds faster where a processor is emulated.
unpack_kernel() {
  local magic tool at
  while read -r magic tool; do
    for at in $(grep -abo -P "$magic" "$1" | cut -d: -f1 | head -n 4); do
      tail -c "+$((at + 1))" "$1" | $tool -dc >"$2" 2>/dev/null || true
      [[ $(head -c 4 "$2" | tail -c 3) == ELF ]] && return
    done
  done <<'COMPRESSIONS'
\xfd7zXZ xz
\x28\xb5\x2f\xfd zstd
\x1f\x8b\x08 gzip
COMPRESSIONS
  cp "$1" "$2"
}

# With what it is linked to, in case it is not the static one.
add_busybox() {
  local busybox library name
  busybox=$(command -v busybox)
  cp "$busybox" "$work/ramfs/bin/busybox"
  for library in $(ldd "$busybox" 2>/dev/null | grep -o '/[^ ]*'); do
    install -D "$library" "$work/ramfs$library"
  done
  for name in $(busybox --list | grep -vx busybox); do ln -s busybox "$work/ramfs/bin/$name"; done
}

# In the order in which they are loaded, uncompressed.
add_modules() {
  local module file name
  depmod -b "$work/root" "$1"
  for module in $modules; do
    modprobe -d "$work/root" -S "$1" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
  done | awk '!seen[$0]++' | while read -r file; do
    name=$(basename "$file")
    case $file in
      *.xz) name=${name%.xz} && xz -dc "$file" >"$work/ramfs/modules/$name" ;;
      *.zst) name=${name%.zst} && zstd -qdc "$file" >"$work/ramfs/modules/$name" ;;
      *) cp "$file" "$work/ramfs/modules/$name" ;;
    esac
    echo "$name"
  done >"$work/ramfs/modules/list"
}

main "$(realpath -m "$1")" "${2:-}"
