import { parseSize, SIZE_EXPECTED } from '../domain/size.ts';
import { backyError } from '../errors.ts';

/** The options by which long work leaves more of the machine to others, for commander. */
export const RATE_OPTION = ['--rate <SIZE>', 'read no more than this in a second, such as 50MiB'] as const;
export const IDLE_OPTION = [
  '--idle',
  'let everything else go first, at disks and processors (Linux)',
] as const;

/** What commander makes of them. */
export interface LoadFlags {
  readonly rate?: string;
  readonly idle?: boolean;
}

/** What they say: bytes in a second. @throws BACKY_USAGE */
export function loadOf({ rate, idle }: LoadFlags): { rate: number | undefined; idle: boolean | undefined } {
  return { rate: rate === undefined ? undefined : rateOf(rate), idle };
}

function rateOf(text: string): number {
  const rate = parseSize(text);
  if (rate !== undefined) return rate;
  throw backyError('BACKY_USAGE', {
    problem: `"${text}" is no rate`,
    advice: `Give ${SIZE_EXPECTED}: so much is read in a second, at most`,
  });
}
