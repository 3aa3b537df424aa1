# shellcheck shell=bash
# Prepares this machine for the demonstration: tools, a place to work, a guest that changes its disk. Sourced by demo.sh.

# mke2fs and debugfs live where only root looks by default.
PATH=$PATH:/usr/sbin:/sbin
FILESYSTEM_BYTES=3G DISK_BYTES=512M FILES_BYTES=$((200 << 20))
mounted=()

is_root() { [ "$(id -u)" = 0 ]; }

# Everything that building and showing needs. Without root there is no mounting, so nothing of btrfs is needed.
need_tools() {
  local tools=(cc mkfs.ext4 debugfs)
  # Elsewhere, headers have other places.
  if command -v apt-get >/dev/null; then tools+=(/usr/include/stdio.h); fi
  if is_root; then tools+=(losetup mkfs.btrfs); fi
  say "Looking for the Debian packages that this needs."
  # With CI=true it fails where something is missing in the end.
  CI=true quietly "$root/scripts/install-debian-packages.sh" "${tools[@]}"
}

# Runs a long command quietly; what it said is shown only when it fails.
quietly() { "$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; die "this failed: $*"; }; }

# Enters $work, on btrfs wherever this machine lets us mount it; sets $place, words for where we are. The disk is on a
# filesystem of its own, because a backup on the same disk is none.
enter_workspace() {
  local obstacle; obstacle=$(obstacle_to_mounting)
  if [ -n "$obstacle" ]; then
    place="a plain directory on $(findmnt --noheadings --output FSTYPE --target "$work")"
    say "$obstacle, so this is shown on $place."
    say "It cannot show how revisions share unchanged blocks: that takes btrfs or XFS."
    cd "$work"
    return
  fi
  place="btrfs, mounted from a file"
  quietly mount_btrfs repositories
  quietly mount_btrfs disks
  cd "$work/repositories"
  ln --symbolic "$work/disks/disk.img" disk.img
}

# Prints why btrfs cannot be mounted here, if so. Anything else that goes wrong with it is a failure.
obstacle_to_mounting() {
  if ! is_root; then
    echo "Only root can mount"
  elif ! { mkdir "$work/probe" && mount -t tmpfs none "$work/probe" && umount "$work/probe"; } 2>"$log"; then
    echo "Root may not mount here"
  elif ! [ -e /dev/loop-control ]; then
    echo "This machine has no loop devices"
  elif ! { grep -qw btrfs /proc/filesystems || modprobe btrfs; } 2>"$log"; then
    echo "This kernel has no btrfs"
  fi
}

mount_btrfs() {
  mkdir "$work/$1"
  truncate --size="$FILESYSTEM_BYTES" "$work/$1.disk" &&
    mkfs.btrfs --quiet "$work/$1.disk" && mount -o loop "$work/$1.disk" "$work/$1" && mounted+=("$work/$1")
}

# Makes disk.img: ext4 with a letter, a database and files of /usr.
make_disk() {
  mkdir contents
  echo "$LETTER" >contents/letter.txt
  random_mib 8 >contents/database
  list_files /usr | sort --key=2 |
    awk -F '\t' -v limit="$FILES_BYTES" '{ total += $1 } total <= limit { print $2 }' >files
  tar --create --directory=/usr --files-from=files | tar --extract --directory=contents
  truncate --size="$DISK_BYTES" disk.img
  mke2fs -q -F -t ext4 -d contents disk.img
  file_count=$(find contents -type f | wc -l)
  rm -r contents files
}

# Size and path of the files that we may read; directories closed to us are passed over.
list_files() { (cd "$1" && find . -xdev -type f -readable -size -8M -printf '%s\t%p\n' 2>"$log") || true; }

# The guest deletes the letter, overwrites half of the database and writes 12 MiB of new files.
change_disk() {
  random_mib 12 >news
  if mount_here disk.img guest >"$log" 2>&1; then
    rm guest/letter.txt
    random_mib 4 | dd of=guest/database conv=notrunc status=none
    split --bytes=1M news guest/news.
    unmount_last
  else
    random_mib 4 >half
    printf 'rm letter.txt\nrm database\nwrite half database\nwrite news news\n' | debugfs -w disk.img >"$log" 2>&1
    rm half
  fi
  rm news
}

random_mib() { head --bytes="$1M" /dev/urandom; }

# Prints one file of the filesystem in an image, out of a scratch copy in which the journal is replayed: what a guest
# wrote last may be nowhere else.
read_file() {
  local image=$1 file=$2
  cp --reflink=auto "$image" scratch.img && chmod u+w scratch.img
  if mount_here scratch.img revision 2>"$log"; then
    cat "revision/$file"
    unmount_last
  else
    e2fsck -f -p scratch.img >"$log" 2>&1 || true
    debugfs -R "cat $file" scratch.img 2>"$log"
  fi
  rm scratch.img
}

mount_here() {
  local image=$1 directory=$2
  shift 2
  is_root && mkdir -p "$directory" && mount -o loop "$@" "$image" "$directory" && mounted+=("$PWD/$directory")
}

unmount_last() {
  umount "${mounted[-1]}"
  unset 'mounted[-1]'
}

clean_up() {
  cd /
  while [ ${#mounted[@]} -gt 0 ]; do unmount_last || return; done
  rm --recursive --force --one-file-system "$work"
}
