import { dump } from 'js-yaml';
import type { SourceConfig } from './config.ts';

/** A schedule as people write it: durations such as `1d`, or seconds. */
export type ScheduleInput = Readonly<
  Record<string, { readonly interval: string | number; readonly keep: number }>
>;

/** What a configuration is made from. */
export interface ConfigInput {
  readonly source: SourceConfig;
  readonly schedule?: ScheduleInput | undefined;
  readonly requireReflink?: boolean | undefined;
}

/** The schedule of a repository that asks for none. */
export const DEFAULT_SCHEDULE: ScheduleInput = {
  daily: { interval: '1d', keep: 9 },
  weekly: { interval: '7d', keep: 5 },
  monthly: { interval: '30d', keep: 4 },
};

const HEADING = '# What backy backs up into this directory, and when.';
/** From here on maps are written on one line: a rule of the schedule. */
const RULE_LEVEL = 2;

/** The text of a configuration file. */
export function formatConfig({ source, schedule = DEFAULT_SCHEDULE, requireReflink }: ConfigInput): string {
  const settings = {
    source: sourceKeys(source),
    schedule,
    ...(requireReflink ? { 'require-reflink': true } : {}),
  };
  const style = { flowLevel: RULE_LEVEL, flowBracketPadding: true, lineWidth: -1, noRefs: true };
  return `${HEADING}\n\n${dump(settings, style)}`;
}

/** The keys of a source as they are written: `volume-group`, where the program says `volumeGroup`. */
function sourceKeys(source: SourceConfig): Readonly<Record<string, unknown>> {
  const entries: readonly (readonly [string, unknown])[] = Object.entries(source);
  return Object.fromEntries(entries.map(([key, value]) => written(key, value)));
}

function written(key: string, value: unknown): readonly [string, unknown] {
  if (key === 'timeoutMs') return ['timeout', `${Number(value) / 1000}s`];
  const inYaml = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return [inYaml, key === 'snapshot' ? (value === true ? 'on' : 'off') : value];
}
