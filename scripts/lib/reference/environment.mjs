/** The environment variables of backy and of its tests. A test compares the names with the sources. */

/**
 * @typedef {{ name: string, reader: string, unset: string, meaning: string }} Variable
 */

/** @type {readonly Variable[]} */
export const VARIABLES = [
  {
    name: 'BACKY_THREADS',
    reader: 'the engine',
    unset: 'two for each processor, at most 8',
    meaning:
      'How many threads hash, copy and compare: a whole number from 1 to 1024. With 1 everything happens in a fixed order.',
  },
  {
    name: 'BACKY_MMAP',
    reader: 'the engine',
    unset: 'images are read into buffers',
    meaning:
      'With any value, `verify` hashes what is in memory through a memory map. Some machines do that faster.',
  },
  {
    name: 'BACKY_TRUSTED_REPOSITORIES',
    reader: 'the operations',
    unset: 'no repository of somebody else is trusted',
    meaning:
      'Repositories that are trusted whoever owns them: directories separated by colons. `/srv/backy/*` stands for all in `/srv/backy`.',
  },
  {
    name: 'BACKY_IGNORED_SIGNALS',
    reader: 'the command line',
    unset: 'no signal is ignored',
    meaning:
      'The signals that the caller ignores, such as `SIGHUP` below `nohup`. The start script `bin/backy` sets it; nobody else needs to.',
  },
  {
    name: 'BACKY_JOB',
    reader: 'hooks and the callback',
    unset: 'set by the service',
    meaning: 'The name of the job.',
  },
  {
    name: 'BACKY_DIRECTORY',
    reader: 'hooks and the callback',
    unset: 'set by the service',
    meaning: 'The directory of its repository.',
  },
  {
    name: 'BACKY_TAGS',
    reader: 'hooks and the callback',
    unset: 'set by the service',
    meaning: 'The tags of the run, separated by commas.',
  },
  {
    name: 'BACKY_SLOT',
    reader: 'hooks and the callback',
    unset: 'set by the service',
    meaning: 'A moment of the slot that the run is for; absent for a run that somebody asked for.',
  },
  {
    name: 'BACKY_OUTCOME',
    reader: 'hooks and the callback',
    unset: 'set by the service',
    meaning: '`ok`, `failed`, `cancelled`, `busy` or `nothing-due`; only after the run.',
  },
  {
    name: 'BACKY_CODE',
    reader: 'hooks and the callback',
    unset: 'set by the service',
    meaning: 'The code of the error, or nothing; only after the run.',
  },
  {
    name: 'BACKY_REVISION',
    reader: 'hooks and the callback',
    unset: 'set by the service',
    meaning: 'The id of the new revision, or nothing; only after the run.',
  },
  {
    name: 'NO_COLOR',
    reader: 'the command line',
    unset: 'colours on a terminal',
    meaning: 'With any text, terminals get no colours either.',
  },
  {
    name: 'TERM',
    reader: 'the command line',
    unset: 'colours on a terminal',
    meaning: 'With `dumb`, terminals get no colours.',
  },
  {
    name: 'TZ',
    reader: 'Node',
    unset: 'the time zone of the machine',
    meaning:
      'The time zone of the times that are printed, and of a schedule without `time-zone` in its configuration.',
  },
  {
    name: 'HOME',
    reader: 'the command line',
    unset: 'nothing is kept',
    meaning:
      'Node 22 and newer keep compiled code in `.cache/backy` there, for a faster start, if the directory belongs to the user.',
  },
  {
    name: 'PATH',
    reader: 'the command line',
    unset: 'the system directories',
    meaning: 'Where `rbd`, `lvs` and the other tools are found. The system directories come last.',
  },
  {
    name: 'CEPH_ARGS',
    reader: 'Ceph and the command line',
    unset: 'the configuration of Ceph',
    meaning: 'Options for every command of Ceph, such as `--id backup`.',
  },
];

/** @type {readonly Variable[]} */
export const TEST_VARIABLES = [
  {
    name: 'BACKY_TEST_SEED',
    reader: 'TypeScript tests',
    unset: 'random',
    meaning: 'Where random choices begin. A test that failed prints its seed: set it to repeat the run.',
  },
  {
    name: 'BACKY_TORTURE_POINTS',
    reader: '`test/torture`',
    unset: 'a few, for `npm test`',
    meaning: 'How many points each torture test tries. `npm run torture` sets it.',
  },
  {
    name: 'BACKY_TORTURE_ONLY',
    reader: '`test/torture`',
    unset: 'all',
    meaning: 'Only the commands whose names contain this text. `npm run torture -- --only` sets it.',
  },
  {
    name: 'BACKY_TORTURE_REPORT',
    reader: '`test/torture`',
    unset: 'no report',
    meaning: 'The file that gets a row for each torture test.',
  },
  {
    name: 'BACKY_FAULT_POINTS',
    reader: '`src/fault_tests` of the engine',
    unset: '40',
    meaning: 'How many system calls of each operation fail in turn.',
  },
  {
    name: 'BACKY_FAULT_SEED',
    reader: '`src/fault_tests` of the engine',
    unset: '0',
    meaning: 'Which of the calls these are.',
  },
  {
    name: 'BACKY_ROT_BITS',
    reader: '`tests/bit_rot.rs` of the engine',
    unset: '8192',
    meaning: 'How many bits of a small image are flipped, one at a time.',
  },
  {
    name: 'BACKY_ROT_MIB',
    reader: '`tests/bit_rot.rs` of the engine',
    unset: '64',
    meaning: 'The size of the large image in MiB.',
  },
  {
    name: 'BACKY_ROT_FLIPS',
    reader: '`tests/bit_rot.rs` of the engine',
    unset: '300',
    meaning: 'How many bits of the large image are flipped.',
  },
  {
    name: 'BACKY_ZERO_SUBTREES',
    reader: 'the test `the_table` of the engine, with `--ignored`',
    unset: 'the table is compared',
    meaning: 'The file that the table of hashes of zeros is written to instead.',
  },
  {
    name: 'BACKY_ZFS_CACHE',
    reader: 'tests of ZFS',
    unset: '`~/.cache/backy/zfs`',
    meaning: 'Where the kernel modules of ZFS are kept once they are built.',
  },
  {
    name: 'BACKY_MACOS_CACHE',
    reader: '`scripts/check-macos.sh`',
    unset: '`~/.cache/backy/macos`',
    meaning: 'Where the compiler for macOS is kept once it is downloaded.',
  },
  {
    name: 'BACKY_TALLY',
    reader: '`scripts/`, set by `.ci/run`',
    unset: 'no sum',
    meaning: 'The file to which each script adds how many tests passed and failed.',
  },
];
