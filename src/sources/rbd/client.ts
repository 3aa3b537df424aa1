/** Who rbd is to the cluster, and where it reads about it. */
export interface RbdClient {
  /** Without `client.` in front. */
  readonly user?: string;
  readonly conf?: string;
}

/** What `CEPH_ARGS` says of the client, with the options of ceph(8); the library reads all else of it by itself. */
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

/** `--id=backy` is as good as `--id backy`. */
function splitOption(word: string): readonly string[] {
  const [, option, value] = /^(--[a-z-]+)=(.*)$/.exec(word) ?? [];
  return option === undefined || value === undefined ? [word] : [option, value];
}
