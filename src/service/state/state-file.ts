import { join } from 'node:path';
import type { SpaceSample } from '../../domain/fill-forecast.ts';
import { isObject } from '../../domain/shape.ts';
import { readPlainFile } from '../../plain-file.ts';
import type { JobMemory } from '../model/job-memory.ts';
import type { Told, ToldToOne } from '../model/told.ts';

/** The path of the state of the service of a base directory. */
export function stateFile(baseDirectory: string): string {
  return join(baseDirectory, 'state.json');
}

/** The memory of the service. It is a cache: without it, back-off begins anew and pauses are over. */
export interface ServiceState {
  readonly jobs: ReadonlyMap<string, JobMemory>;
  /** The conditions that each target was told of, by its name and by a key. */
  readonly told: Told;
  /** The free space of filesystems over the last weeks, by a directory on each. */
  readonly samples: Readonly<Record<string, readonly SpaceSample[]>>;
}

const FORMAT_VERSION = 1;
const EMPTY: ServiceState = { jobs: new Map(), told: {}, samples: {} };

/** Reads the state. One that is lost or broken is empty. */
export function readState(baseDirectory: string): ServiceState {
  try {
    const state: unknown = JSON.parse(readPlainFile(stateFile(baseDirectory)).toString());
    if (!isObject(state) || state.formatVersion !== FORMAT_VERSION || !isObject(state.jobs)) return EMPTY;
    const jobs = Object.entries(state.jobs).flatMap(([name, value]) => memoryOf(name, value));
    return { jobs: new Map(jobs), told: toldOf(state.told), samples: samplesOf(state.samples) };
  } catch {
    return EMPTY;
  }
}

/** The text of the state file. */
export function formatState({ jobs, told, samples }: ServiceState): string {
  const state = { formatVersion: FORMAT_VERSION, jobs: Object.fromEntries(jobs), told, samples };
  return `${JSON.stringify(state)}\n`;
}

function samplesOf(value: unknown): ServiceState['samples'] {
  if (!isObject(value)) return {};
  const entries = Object.entries(value).map(([path, samples]) => {
    const list: readonly unknown[] = Array.isArray(samples) ? samples : [];
    return [path, list.filter(isSample)] as const;
  });
  return Object.fromEntries(entries);
}

function isSample(value: unknown): value is SpaceSample {
  return isObject(value) && [value.atMs, value.size, value.free].every(Number.isFinite);
}

function toldOf(value: unknown): ServiceState['told'] {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, told]) => [name, toldToOne(told)]));
}

function toldToOne(value: unknown): ToldToOne {
  if (!isObject(value)) return {};
  const entries = Object.entries(value).flatMap(([key, told]) => {
    if (!isObject(told) || typeof told.subject !== 'string' || typeof told.toldMs !== 'number') return [];
    return [[key, { subject: told.subject, toldMs: told.toldMs }] as const];
  });
  return Object.fromEntries(entries);
}

function memoryOf(name: string, value: unknown): readonly [string, JobMemory][] {
  if (!isObject(value)) return [];
  const { firstSeenMs, failures, retryAtMs, pause, history } = value;
  if (typeof firstSeenMs !== 'number' || typeof failures !== 'number' || !Array.isArray(history)) return [];
  const isPause = isObject(pause) && typeof pause.reason === 'string' && typeof pause.since === 'string';
  const memory: JobMemory = {
    firstSeenMs,
    failures,
    retryAtMs: typeof retryAtMs === 'number' ? retryAtMs : undefined,
    pause: isPause
      ? {
          reason: String(pause.reason),
          by: String(pause.by),
          since: String(pause.since),
          until: typeof pause.until === 'string' ? pause.until : null,
        }
      : undefined,
    history: history.filter(isObject).map((run) => JSON.parse(JSON.stringify(run))),
  };
  return [[name, memory]];
}
