import { statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { addSample, fillPace, fullAtMs, type SpaceSample } from '../../domain/fill-forecast.ts';
import { isoTime } from '../../domain/time-span.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import type { FilesystemStatus } from '../model/service-status.ts';

/** The samples of each filesystem, by a directory on it. */
export type Samples = Readonly<Record<string, readonly SpaceSample[]>>;

interface Watched {
  readonly path: string;
  samples: readonly SpaceSample[];
  /** The latest look; undefined if it cannot be reached. */
  latest: SpaceSample | undefined;
  /** See {@link fillPace}. */
  pace: number | undefined;
  isLooking: boolean;
}

/**
 * Watches the free space of the filesystems that hold the base directory and the repositories. It never waits for a
 * filesystem, so that one that hangs holds nothing up.
 */
export class FilesystemWatch {
  #watched: readonly Watched[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Watches the filesystems of these jobs from now on. @param samples of an earlier life of the service */
  watch(config: ServiceConfig, samples: Samples, intervalMs: number): void {
    const before = { ...samples, ...this.samples() };
    this.#watched = directoriesOf(config).map((path) => {
      const known = this.#watched.find((one) => one.path === path);
      if (known) return known;
      const kept = before[path] ?? [];
      return { path, samples: kept, latest: undefined, pace: fillPace(kept), isLooking: false };
    });
    clearInterval(this.#timer);
    this.#timer = setInterval(() => void this.#lookAll(), intervalMs);
    this.#timer.unref();
    void this.#lookAll();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** The state of each filesystem that can be reached. */
  statuses(): readonly FilesystemStatus[] {
    return this.#watched.flatMap(({ path, latest, pace }) => {
      if (!latest) return [];
      const fullMs = fullAtMs(latest, pace);
      const { size, free } = latest;
      return [{ path, size, free, fullAt: fullMs === undefined ? null : isoTime(fullMs) }];
    });
  }

  /** Everything to remember over a restart. */
  samples(): Samples {
    return Object.fromEntries(this.#watched.map(({ path, samples }) => [path, samples]));
  }

  async #lookAll(): Promise<void> {
    await Promise.all(this.#watched.map(look));
  }
}

async function look(watched: Watched): Promise<void> {
  if (watched.isLooking) return;
  watched.isLooking = true;
  try {
    const { blocks, bavail, bsize } = await statfs(watched.path);
    const latest = { atMs: Date.now(), size: blocks * bsize, free: bavail * bsize };
    const samples = addSample(watched.samples, latest);
    if (samples.at(-1) !== watched.samples.at(-1)) watched.pace = fillPace(samples);
    Object.assign(watched, { latest, samples });
  } catch {
    watched.latest = undefined;
  } finally {
    watched.isLooking = false;
  }
}

/** The base directory, and the first repository on each other filesystem. */
function directoriesOf({ baseDirectory, jobs }: ServiceConfig): readonly string[] {
  const byDevice = new Map<number, string>();
  for (const path of [baseDirectory, ...[...jobs.values()].map(({ directory }) => directory)]) {
    const device = deviceOf(path);
    if (device !== undefined && !byDevice.has(device)) byDevice.set(device, path);
  }
  return [...new Set([baseDirectory, ...byDevice.values()])];
}

function deviceOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.dev;
  } catch {
    return undefined;
  }
}
