import { statSync } from 'node:fs';
import type { JobConfig } from '../model/service-config.ts';

/** Notices that somebody else changed the repository of a job: its directory has another time of change. */
export class DirectoryWatch {
  readonly #onChange: (name: string) => void;
  #directories = new Map<string, { readonly directory: string; changedMs: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(onChange: (name: string) => void) {
    this.#onChange = onChange;
  }

  /** Looks at the directories of these jobs from now on, each in every interval. */
  watch(jobs: Iterable<JobConfig>, intervalMs: number): void {
    const before = this.#directories;
    this.#directories = new Map(
      [...jobs].map(({ name, directory }) => [
        name,
        { directory, changedMs: before.get(name)?.changedMs ?? changeOf(directory) },
      ]),
    );
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), intervalMs);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const [name, watched] of this.#directories) {
      const changedMs = changeOf(watched.directory);
      if (changedMs === watched.changedMs) continue;
      watched.changedMs = changedMs;
      this.#onChange(name);
    }
  }
}

/** Zero for a directory that is not there. */
function changeOf(directory: string): number {
  return statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
