import { checkKeys } from '../../config/check-keys.ts';
import { asObject, type Field } from '../../domain/shape.ts';

/** Keys of the Python backy that have no effect here, with the reason. */
const OLD_KEYS: ReadonlyMap<string, string> = new Map([
  ['telnet-addrs', 'there is no telnet console: use "backy jobs" and "backy run", or the API'],
  ['telnet-port', 'there is no telnet console: use "backy jobs" and "backy run", or the API'],
  ['peers', 'revisions are not moved between servers'],
  ['addrs', 'the API listens where api.listen says'],
  ['port', 'the API listens where api.listen says'],
  ['cli-default', 'the commands use the socket of the service'],
  ['pidfile', 'systemd and the lock of the base directory know the process'],
  ['vm', 'the guest is not asked to freeze its filesystems'],
  ['consul_acl_token', 'the guest is not asked to freeze its filesystems'],
  ['backend', 'every revision is an image'],
  ['cow', 'every revision is an image'],
]);

/** Checks the keys of an object. A key of the Python backy causes a warning, once for all jobs. @throws ShapeError */
export function checkKeysWithWarnings(field: Field, known: readonly string[], warnings: string[]): void {
  const keys = Object.keys(asObject(field, `the keys ${known.join(', ')}`));
  for (const key of keys) {
    const reason = known.includes(key) ? undefined : OLD_KEYS.get(key);
    if (reason === undefined) continue;
    const warning = `${placeOf([...field.path, key])} has no effect: ${reason}`;
    if (!warnings.includes(warning)) warnings.push(warning);
  }
  const old = keys.filter((key) => OLD_KEYS.has(key));
  checkKeys(field, [...known, ...old]);
}

/** The path of a key. Jobs have one path together, because all jobs of a site tend to have the same old keys. */
function placeOf(path: readonly string[]): string {
  return path.map((key, depth) => (depth === 1 && path[0] === 'jobs' ? '*' : key)).join('.');
}
