#!/usr/bin/env bash
# Compiles and links all crates for macOS, without a Mac; a warning is an error.
#
#   scripts/check-macos.sh [TARGET]...     default: aarch64-apple-darwin; the other one is x86_64-apple-darwin
#
# It proves that the code compiles and links, not that it runs.
#
# A Rust toolchain that knows the target (rustup target add TARGET) is used as it is. Otherwise, on Debian, the standard
# library is built for the target out of Debian's rust-web-src, by Debian's rustc-web. ziglang from PyPI is the C compiler
# and the linker, as it brings the symbols of macOS' system library. Nothing is installed: the packages are unpacked in
# $BACKY_MACOS_CACHE (by default ~/.cache/backy/macos; about 2 GiB). The first run takes some minutes, a later one
# less than one.
#
# If neither is available, it gives the reason in one line and exits with 77.
set -euo pipefail
cd "$(dirname "$0")/.."
# Only a known one: what the wrapper below translates for it is tied to it.
ZIG=0.17.1
cache=${BACKY_MACOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/backy/macos}
targets=("${@:-aarch64-apple-darwin}")
# Nothing of it will run, so nothing is optimised. Warnings are denied in our crates alone.
cargo=(cargo -Zwarnings --config 'build.warnings="deny"' --config profile.dev.opt-level=0 --config profile.dev.debug=false
  --config profile.dev.strip=false)

main() {
  [[ $(uname) == Linux ]] || skip "this is not Linux; on macOS itself, clippy checks the same code"
  scripts/install-debian-packages.sh cc /usr/include/stdio.h pip3
  command -v pip3 >/dev/null || skip "there is no pip3 to fetch the linker with"
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  has_targets || use_debians_compiler
  use_zig
  # The options with -Z are not stable in Cargo yet.
  export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$cache/target
  "${cargo[@]}" check --workspace --lib --tests "${targets[@]/#/--target=}"
  "${cargo[@]}" build --package backy-node "${targets[@]/#/--target=}"
}

skip() {
  echo "macOS is not checked: $1" >&2
  exit 77
}

# Whether the standard library for all targets is installed.
has_targets() {
  local target libraries
  libraries=$(rustc --print sysroot 2>/dev/null)/lib/rustlib
  for target in "${targets[@]}"; do [[ -d $libraries/$target ]] || return 1; done
}

use_debians_compiler() {
  local root=$cache/debian
  if [[ ! -d $root ]]; then
    command -v apt-get >/dev/null || skip "this is not Debian; rustup target add ${targets[*]} would do"
    unpack_packages "$root" rustc-web cargo-web libstd-rust-web-dev rust-web-src
  fi
  export PATH=$root/usr/bin:$PATH
  export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/aarch64-linux-gnu:$root/usr/lib
  export RUSTC=$root/usr/bin/rustc RUSTDOC=$root/usr/bin/rustdoc
  cargo+=(-Zbuild-std=std,panic_unwind,test)
}

# Unpacks packages into $1, with what they depend on and this machine lacks.
unpack_packages() {
  local root=$1 debs=$cache/debs deb
  local apt=(apt-get -q -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o APT::Sandbox::User=root)
  shift
  rm -rf "$root.new" "$debs"
  mkdir -p "$debs/partial"
  # An ordinary user has the lists that are there.
  timeout 300 "${apt[@]}" update >/dev/null 2>&1 || true
  apt-cache show "$@" >/dev/null 2>&1 ||
    skip "this Debian has no package ${*: -1}; rustup target add ${targets[*]} would do"
  timeout 900 "${apt[@]}" -y --no-install-recommends --download-only --reinstall -o Debug::NoLocking=true \
    -o Dir::Cache::archives="$debs" install "$@" >&2
  for deb in "$debs"/*.deb; do dpkg-deb --extract "$deb" "$root.new"; done
  rm -r "$debs"
  mv "$root.new" "$root"
}

# zig becomes the C compiler and linker of all targets. rustc and the cc crate speak to Apple's clang; zig has words of its own.
use_zig() {
  local target name
  local zig=$cache/zig-$ZIG
  if [[ ! -d $zig ]]; then
    rm -rf "$zig.new"
    timeout 900 pip3 install --quiet --root-user-action=ignore --target "$zig.new" "ziglang==$ZIG"
    mv "$zig.new" "$zig"
  fi
  printf '#!/bin/sh\nexec "%s" ar "$@"\n' "$zig/ziglang/zig" >"$cache/ar"
  for target in "${targets[@]}"; do
    wrapper "$zig/ziglang/zig" "${target%%-*}" >"$cache/cc-$target"
    name=${target//-/_}
    export "CC_$name=$cache/cc-$target" "AR_$name=$cache/ar" "CARGO_TARGET_${name^^}_LINKER=$cache/cc-$target"
  done
  chmod +x "$cache"/{ar,cc-*}
  # rustc only wants to see one; zig has its own.
  export SDKROOT=$zig/ziglang/lib/libc/darwin
}

wrapper() {
  cat <<WRAPPER
#!/usr/bin/env bash
args=()
for arg in "\$@"; do
  case \$arg in
    --target=* | -mmacosx-version-min=* | -arch | arm64 | x86_64 | -isysroot | -Wl,-dead_strip | -liconv) ;;
    *) args+=("\$arg") ;;
  esac
done
exec "$1" cc -target "$2-macos" "\${args[@]}"
WRAPPER
}

main
