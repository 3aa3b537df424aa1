# ZFS for the guest, for make-guest.sh: the tools and the modules of OpenZFS for Debian 12, which are in its backports.
# Modules are built from the source of the package zfs-dkms. Their license, the CDDL, does not allow to ship them with a
# kernel, so they are built on each machine, and kept outside of the checkout.

suite=bookworm-backports

# Takes packages from Debian 12, whatever this distribution is, by lists of our own.
use_debian() {
  local mirror lists=$work/lists
  mkdir -p "$lists"/{state/partial,archives/partial}
  mirror=$(apt-get indextargets --format '$(SITE)' 'Codename: bookworm' 'Origin: Debian' 2>/dev/null | sort -u | head -n 1)
  printf 'Types: deb\nURIs: %s\nSuites: bookworm bookworm-updates %s\nComponents: main contrib\nSigned-By: %s\n' \
    "${mirror:-http://deb.debian.org/debian}" "$suite" /usr/share/keyrings/debian-archive-keyring.gpg >"$lists/debian.sources"
  : >"$lists/status"
  apt=(-o Dir::Etc::sourcelist="$lists/debian.sources" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$lists/state"
    -o Dir::State::lists="$lists/state" -o Dir::State::status="$lists/status" -o Dir::Cache="$lists"
    -o APT::Architecture=amd64 -o APT::Architectures=amd64)
  refresh_lists
}

# Adds tools and modules, these from the cache if they are there: add_zfs CACHE
add_zfs() {
  local kernel version modules
  kernel=$(basename "$work"/root/lib/modules/*)
  version=$(apt-cache "${apt[@]}" -t "$suite" policy zfs-dkms | awk '/Candidate/ { print $2 }')
  modules=$1/zfs-$version-$kernel
  [[ -f $modules/zfs.ko ]] || build_modules "$kernel" "$modules"
  install -D -t "$work/root/lib/modules/$kernel/updates" "$modules"/*.ko
  add_tools
}

add_tools() {
  local tools=$work/tools file package packages=(zfsutils-linux libzfs6linux libzpool6linux libnvpair3linux libuutil3linux)
  mkdir "$tools"
  unpack "$tools" "${packages[@]/%//$suite}"
  # The libraries that they need, if this machine lacks them.
  ldconfig -p | grep -q libtirpc.so.3 || unpack "$tools" libtirpc3
  mkdir -p "$work"/ramfs/extra/usr/{sbin,lib/x86_64-linux-gnu}
  for file in zpool zfs; do install "$(find "$tools" -path "*sbin/$file")" "$work/ramfs/extra/usr/sbin"; done
  find "$tools" -name 'lib*.so.*' -exec cp -P -t "$work/ramfs/extra/usr/lib/x86_64-linux-gnu" {} +
}

# Takes 2 to 9 minutes of two processors: build_modules KERNEL DIRECTORY
build_modules() {
  local headers=$work/build/usr/src/linux-headers-$1 log=$work/build/log
  mkdir -p "$work/build" "$(dirname "$2")"
  unpack "$work/build" "linux-headers-$1" "linux-headers-${1%-amd64}-common" "$(kbuild_of "linux-headers-$1")" "zfs-dkms/$suite"
  sed -i "s#^include /usr/src/#include $work/build/usr/src/#" "$headers/Makefile"
  (
    cd "$work"/build/usr/src/zfs-*
    # Debian's kernels have debugging information; nobody needs that of the modules, and it is half of the work.
    export KCFLAGS=-g0
    ./configure --disable-dependency-tracking --with-config=kernel \
      --with-linux="${headers%-amd64}-common" --with-linux-obj="$headers"
    make -j"$(nproc)"
  ) >"$log" 2>&1 || { tail -n 20 "$log" >&2; return 1; }
  mkdir "$work/modules"
  strip -g -o "$work/modules/spl.ko" "$work"/build/usr/src/zfs-*/module/spl.ko
  strip -g -o "$work/modules/zfs.ko" "$work"/build/usr/src/zfs-*/module/zfs.ko
  rm -rf "$2"
  # Whole or not at all, whatever cuts this off.
  cp -r "$work/modules" "$2.$$"
  mv -T "$2.$$" "$2" 2>/dev/null || { rm -rf "$2.$$" && [[ -f $2/zfs.ko ]]; }
}

kbuild_of() {
  apt-cache "${apt[@]}" depends "$1" | sed -n 's/^ *Depends: \(linux-kbuild-[^ ]*\).*/\1/p' | head -n 1
}
