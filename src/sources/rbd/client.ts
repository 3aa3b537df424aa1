/** User and configuration file of rbd. */
export interface RbdClient {
  /** Name without the prefix `client.`. */
  readonly user?: string;
  readonly conf?: string;
}

/**
 * Reads user and configuration from `CEPH_ARGS`, in the options of ceph(8). The library reads the other options
 * itself.
 */
export function clientOf(cephArgs: string): RbdClient {
  const words = cephArgs.split(/\s+/).flatMap(splitOption);
  const valueBehind = (...options: readonly string[]): string | undefined => {
    const at = words.findLastIndex((word) => options.includes(word));
    return at < 0 ? undefined : words[at + 1];
  };
  const user = valueBehind('--id', '--user') ?? valueBehind('--name', '-n')?.replace(/^client\./, '');
  const conf = valueBehind('--conf', '-c');
  return { ...(user === undefined ? {} : { user }), ...(conf === undefined ? {} : { conf }) };
}

/** Splits `--id=backy` into two words. */
function splitOption(word: string): readonly string[] {
  const [, option, value] = /^(--[a-z-]+)=(.*)$/.exec(word) ?? [];
  return option === undefined || value === undefined ? [word] : [option, value];
}
