import { fileURLToPath } from 'node:url';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import type { Outcome } from './command.ts';
import type { Guest } from './guest.ts';
import { PROGRAM } from './repository.ts';

/** A repository in a guest, of one of its logical volumes. */
export interface GuestRepository {
  readonly directory: string;
  /** Runs a command on it. */
  backy(command: string): Promise<Outcome>;
  /** Takes a revision, which must work and equal the volume. */
  backup(): Promise<RevisionRecord>;
  /** Takes a revision, which must fail. Returns the one line that says why. */
  failToBackUp(): Promise<string>;
  /** The number of files of revisions, sealed or not; three for each sealed one. */
  countFiles(): Promise<number>;
}

/** The directory of scripts that stand in for programs. */
const STAND_INS = '/run/stand-ins';

/** The process that takes revisions, and its pipes. */
const BACKUPS_PROGRAM = fileURLToPath(new URL('guest-backups.mjs', import.meta.url));
const BACKUPS = '/run/backups';

/** Makes a repository in a guest for a logical volume, `VG/LV`, by its configuration alone: `init` takes a while. */
export async function createGuestRepository(
  guest: Guest,
  directory: string,
  volume: string,
  ...settings: readonly string[]
): Promise<GuestRepository> {
  const [group, name] = volume.split('/');
  const source = ['type: lvm', `volume-group: ${group}`, `volume: ${name}`, ...settings];
  const config = `source: { ${source.join(', ')} }\nschedule: { daily: { interval: 1d, keep: 9 } }`;
  await guest.mustRun(`mkdir -m 700 ${directory}; echo -e '${config}' >${directory}/config`);
  return openGuestRepository(guest, directory, volume);
}

/** A repository that is already there. */
export function openGuestRepository(guest: Guest, directory: string, volume: string): GuestRepository {
  const backy = (command: string): Promise<Outcome> => guest.run(`${programOn(directory)} ${command}`);
  return {
    directory,
    backy,
    backup: () => backUpInGuest(guest, directory, `/dev/${volume}`),
    failToBackUp: async () => {
      const { exitCode, stderr } = await backy('backup manual:x');
      if (exitCode === 1 && /^backy: .+\.\n$/.test(stderr)) return stderr.trimEnd();
      throw new Error(`one line and exit code 1 were expected, not ${exitCode} and ${stderr}`);
    },
    countFiles: async () =>
      Number(await guest.mustRun(`ls ${directory} | grep -cE '^[0-9a-f]{8}-[0-9a-f-]{27}' || true`)),
  };
}

/** Takes a revision through the API, which must work and equal its source. */
export async function backUpInGuest(
  guest: Guest,
  directory: string,
  source: string,
): Promise<RevisionRecord> {
  const [requests, answers] = [`${BACKUPS}.requests`, `${BACKUPS}.answers`];
  const answer = await guest.mustRun(`
    if [ ! -p ${answers} ]; then
      mkfifo ${requests} ${answers}
      PATH=${STAND_INS}:$PATH setsid node ${BACKUPS_PROGRAM} ${requests} ${answers} </dev/null >${BACKUPS}.log 2>&1 3>&- &
    fi
    echo ${directory} >${requests}
    head -n 1 ${answers}
    cmp ${directory}/last ${source} >&2`);
  const { record, error }: { record?: RevisionRecord; error?: string } = JSON.parse(answer);
  if (record) return record;
  throw new Error(`the backup of ${source} failed: ${error}`);
}

/** Takes a revision in each repository, all at the same time. */
export async function backUpTogether(
  guest: Guest,
  repositories: readonly GuestRepository[],
): Promise<readonly RevisionRecord[]> {
  const starts = repositories.map(
    ({ directory }) => `${programOn(directory)} --json backup manual:x >${directory}.json & pids+=($!)`,
  );
  const outputs = repositories.map(({ directory }) => `${directory}.json`).join(' ');
  const results = await guest.mustRun(
    `${starts.join('\n')}\nfor pid in "\${pids[@]}"; do wait $pid; done\ncat ${outputs}`,
  );
  return results
    .trimEnd()
    .split('\n')
    .map((line): RevisionRecord => JSON.parse(line).record);
}

/**
 * Lets a script stand in for a program while `work` runs, for what backy runs, too. In it, `$real` is the path of the
 * program, and its parent is backy.
 */
export async function withStandIn<Result>(
  guest: Guest,
  program: string,
  script: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = `${STAND_INS}/${program}`;
  const text = Buffer.from(`#!/bin/bash\nreal=/usr/sbin/${program}\n${script}\n`).toString('base64');
  await guest.mustRun(`mkdir -p ${STAND_INS}; base64 -d <<<${text} >${path}; chmod +x ${path}`);
  try {
    return await work();
  } finally {
    await guest.mustRun(`rm ${path}`);
  }
}

function programOn(directory: string): string {
  return `PATH=${STAND_INS}:$PATH node ${PROGRAM} -b ${directory}`;
}
