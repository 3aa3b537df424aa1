/**
 * Other programs that back up disk images, as shell scripts. They find a directory of their own in HOME, the image in
 * IMAGE, the number of the revision in REVISION, an empty directory in TARGET. All that they write is durable when they end.
 */
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Tool
 * @property {string} name
 * @property {string} program without which it is left out
 * @property {string} package of Debian that has it
 * @property {string} [init] makes a repository
 * @property {string} [backup]
 * @property {string} [first] instead of `backup` when there is nothing yet
 * @property {string} [same] instead of `backup` when nothing changed
 * @property {string} [tidy] after each of these, not measured
 * @property {string} [restore] the newest revision, as the only file below TARGET
 * @property {string} [verify]
 */

const BACKY = `"${process.execPath}" "${fileURLToPath(new URL('../bin/backy.js', import.meta.url))}" -b "$HOME/repository"`;
const REPLACE = '[ ! -e "$HOME/new" ] || mv "$HOME/new" "$HOME/image"';

const backy = {
  program: 'sh',
  package: 'dash',
  backup: `${BACKY} backup manual:bench`,
  restore: `${BACKY} restore "$TARGET/image"`,
  verify: `${BACKY} verify -r last`,
};
const BORG_CREATE = 'borg create --files-cache=disabled -C lz4';
const BORG_WHAT = '"$HOME/repository::$REVISION" "$IMAGE"';
const borg = {
  program: 'borg',
  package: 'borgbackup',
  init: 'borg init -e none "$HOME/repository"',
  restore: 'cd "$TARGET" && borg extract --sparse "$HOME/repository::$REVISION" && sync -f .',
  verify: 'borg check --verify-data "$HOME/repository"',
};
const INIT_BACKY = `mkdir "$HOME/repository" && ${BACKY} init file "$IMAGE"`;

/** The tools by the names under which they are compared. @type {Readonly<Record<string, Tool>>} */
export const TOOLS = {
  live: {
    ...backy,
    name: '**backy**, live',
    init: `${INIT_BACKY} && sed -i 's/^  type: file$/&\\n  snapshot: off/' "$HOME/repository/config"`,
  },
  snapshot: { ...backy, name: '**backy**, from a snapshot', init: INIT_BACKY },
  borgFixed: {
    ...borg,
    name: 'borg, chunks of 4 MiB, lz4',
    backup: `${BORG_CREATE} --chunker-params fixed,4194304 ${BORG_WHAT}`,
  },
  borgBuzhash: {
    ...borg,
    name: 'borg, chunks by buzhash, lz4',
    backup: `${BORG_CREATE} ${BORG_WHAT}`,
  },
  restic: {
    name: 'restic',
    program: 'restic',
    package: 'restic',
    init: 'restic -r "$HOME/repository" init',
    backup: 'restic -r "$HOME/repository" backup "$IMAGE"',
    restore: 'restic -r "$HOME/repository" restore latest --target "$TARGET" && sync -f "$TARGET"',
    verify: 'restic -r "$HOME/repository" check --read-data',
  },
  qemuImg: {
    name: 'qemu-img convert; compare',
    program: 'qemu-img',
    package: 'qemu-utils',
    backup: 'qemu-img convert -f raw -O raw -t none -T writeback "$IMAGE" "$HOME/new" && sync "$HOME/new"',
    same: 'qemu-img compare -f raw -F raw "$IMAGE" "$HOME/image"',
    tidy: REPLACE,
    restore:
      'qemu-img convert -f raw -O raw -t none -T writeback "$HOME/image" "$TARGET/image" && sync "$TARGET/image"',
    verify: 'qemu-img compare -f raw -F raw "$IMAGE" "$HOME/image"',
  },
  rsync: {
    name: 'cp --reflink, rsync --inplace',
    program: 'rsync',
    package: 'rsync',
    first: 'truncate -r "$IMAGE" "$HOME/new" && rsync --sparse "$IMAGE" "$HOME/new" && sync "$HOME/new"',
    backup:
      'cp --reflink=always "$HOME/image" "$HOME/new" && rsync --ignore-times --inplace --no-whole-file "$IMAGE" "$HOME/new" && sync "$HOME/new"',
    tidy: REPLACE,
  },
  cp: {
    name: 'cp --sparse=always',
    program: 'cp',
    package: 'coreutils',
    backup: 'cp --sparse=always --reflink=never "$IMAGE" "$HOME/new" && sync "$HOME/new"',
    tidy: 'rm "$HOME/new"',
  },
  dd: {
    name: 'dd of=/dev/null (reads only)',
    program: 'dd',
    package: 'coreutils',
    same: 'dd if="$IMAGE" of=/dev/null bs=1M',
  },
  b3sum: { name: 'b3sum (reads only)', program: 'b3sum', package: 'b3sum', verify: 'b3sum "$IMAGE"' },
};
