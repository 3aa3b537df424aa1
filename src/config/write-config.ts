import { Document, YAMLMap } from 'yaml';
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

/** The text of a configuration file. */
export function formatConfig({ source, schedule = DEFAULT_SCHEDULE, requireReflink }: ConfigInput): string {
  const document = new Document({ source });
  document.commentBefore = ' What backy backs up into this directory, and when.';
  const rules = new YAMLMap();
  for (const [tag, { interval, keep }] of Object.entries(schedule)) {
    rules.set(tag, document.createNode({ interval, keep }, { flow: true }));
  }
  document.set('schedule', rules);
  if (requireReflink) document.set('require-reflink', true);
  return document.toString({ lineWidth: 0 });
}
