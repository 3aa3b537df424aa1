import { dump } from 'js-yaml';
import type { SourceConfig } from './config.ts';

/** A schedule as people write it: intervals such as `1d` or `1mo`, or in seconds, and the time of day when slots begin. */
export type ScheduleInput = Readonly<
  Record<string, { readonly interval: string | number; readonly keep: number; readonly at?: string }>
>;

/** The settings of a new configuration. */
export interface ConfigInput {
  readonly source: SourceConfig;
  readonly schedule?: ScheduleInput | undefined;
  readonly requireReflink?: boolean | undefined;
}

/** The schedule of a repository if none is given. */
export const DEFAULT_SCHEDULE: ScheduleInput = {
  daily: { interval: '1d', keep: 9 },
  weekly: { interval: '7d', keep: 5 },
  monthly: { interval: '30d', keep: 4 },
};

/** The first line of a configuration that this backy wrote. */
export const HEADING = '# What backy backs up into this directory, and when.';
/** The depth from which maps are written on one line, such as the rules of the schedule. */
const RULE_LEVEL = 2;

/** The text of a configuration file. */
export function formatConfig({ source, schedule = DEFAULT_SCHEDULE, requireReflink }: ConfigInput): string {
  const settings = {
    source: formatSource(source),
    schedule,
    ...(requireReflink ? { 'require-reflink': true } : {}),
  };
  return `${HEADING}\n\n${formatSettings(settings)}`;
}

/** The settings of a repository as YAML, with each rule of the schedule on one line. */
export function formatSettings(settings: object): string {
  return dump(settings, { flowLevel: RULE_LEVEL, flowBracketPadding: true, lineWidth: -1, noRefs: true });
}

/** A source with the keys of the file, such as `volume-group` for `volumeGroup`, and `on` or `off` for `snapshot`. */
export function formatSource(source: SourceConfig): object {
  const written = Object.entries(source).map(([key, value]) => [
    key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    key === 'snapshot' ? (value ? 'on' : 'off') : value,
  ]);
  return Object.fromEntries(written);
}
