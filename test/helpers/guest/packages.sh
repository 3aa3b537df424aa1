# Packages that are unpacked and not installed, for make-guest.sh. Where they come from is in the options `apt`.
apt=()

refresh_lists() {
  timeout 300 apt-get -q "${apt[@]}" -o Acquire::Retries=3 update >&2
}

is_known() {
  apt-cache "${apt[@]}" show "$1" >/dev/null 2>&1
}

# Unpacks packages into a directory: unpack DIRECTORY PACKAGE...
unpack() {
  local into=$1 package
  shift
  rm -f "$work"/packages/*.deb
  (cd "$work/packages" && { download "$@" || { refresh_lists && download "$@"; }; }) >&2
  for package in "$work"/packages/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x -C "$into"; done
}

download() {
  timeout 300 apt-get -q "${apt[@]}" -o Acquire::Retries=3 -o APT::Sandbox::User=root download "$@"
}
