import { parseSize, SIZE_EXPECTED } from '../domain/size.ts';
import { backyError } from '../errors.ts';

/** The options that slow long work down, in the form that commander takes. */
export const RATE_OPTION = ['--rate <SIZE>', 'read at most this much per second, such as 50MiB'] as const;
export const IDLE_OPTION = [
  '--idle',
  'give all other programs priority for disks and processors (Linux)',
] as const;

/** The options as commander parses them. */
export interface LoadFlags {
  readonly rate?: string;
  readonly idle?: boolean;
}

/** Decodes the options; `rate` is in bytes per second. @throws BACKY_USAGE */
export function loadOf({ rate, idle }: LoadFlags): { rate: number | undefined; idle: boolean | undefined } {
  return { rate: rate === undefined ? undefined : rateOf(rate), idle };
}

function rateOf(text: string): number {
  const rate = parseSize(text);
  if (rate !== undefined) return rate;
  throw backyError('BACKY_USAGE', {
    problem: `"${text}" is not a rate`,
    advice: `Give ${SIZE_EXPECTED}; it is the most that is read per second`,
  });
}
