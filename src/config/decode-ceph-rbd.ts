import { DURATION_EXPECTED, parseDuration } from '../domain/duration.ts';
import { isRbdName } from '../domain/rbd-image.ts';
import { asText, type Field, member, ShapeError } from '../domain/shape.ts';
import { checkKeys } from './check-keys.ts';
import type { CephRbdSourceConfig } from './config.ts';
import { decodeSampleRuns } from './decode-sample-runs.ts';

const KEYS = [
  'type',
  'pool',
  'namespace',
  'image',
  'user',
  'conf',
  'full-always',
  'timeout',
  'sample-runs',
] as const;
/** What ceph(8) takes behind `client.`, kept to what cannot be taken for anything else. */
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Checks a source of the type ceph-rbd. @throws ShapeError that names the key */
export function decodeCephRbd(source: Field): CephRbdSourceConfig {
  checkKeys(source, KEYS);
  const optional = <Value>(key: string, decode: (field: Field) => Value): Value | undefined => {
    const field = member(source, key);
    return field.value === undefined ? undefined : decode(field);
  };
  return {
    type: 'ceph-rbd',
    pool: decodeName(member(source, 'pool')),
    namespace: optional('namespace', decodeName),
    image: decodeName(member(source, 'image')),
    user: optional('user', (field) => asText(field, 'the name of a user, without "client."', USER)),
    conf: optional('conf', (field) => asText(field, 'the absolute path of a ceph.conf', /^\/[^\0]+$/)),
    fullAlways: optional('full-always', decodeFlag),
    timeoutMs: optional('timeout', decodeTimeout),
    sampleRuns: decodeSampleRuns(member(source, 'sample-runs')),
  };
}

function decodeName(field: Field): string {
  const expected = 'a name without / and @';
  const name = asText(field, expected);
  if (isRbdName(name)) return name;
  throw new ShapeError(field, expected);
}

function decodeFlag(field: Field): boolean {
  if (typeof field.value === 'boolean') return field.value;
  throw new ShapeError(field, 'true or false');
}

function decodeTimeout(field: Field): number {
  const { value } = field;
  const timeoutMs =
    typeof value === 'string' || typeof value === 'number' ? parseDuration(String(value)) : undefined;
  if (timeoutMs === undefined) throw new ShapeError(field, DURATION_EXPECTED);
  return timeoutMs;
}
