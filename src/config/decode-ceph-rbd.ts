import { DURATION_EXPECTED, parseDuration } from '../domain/duration.ts';
import { isRbdName } from '../domain/rbd-image.ts';
import { asText, type Field, member, ShapeError } from '../domain/shape.ts';
import { checkKeys } from './check-keys.ts';
import type { CephRbdSourceConfig } from './config.ts';
import { decodeFlag, decodeFormat, decodeRuns, optional } from './decode-setting.ts';

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
  'format',
] as const;
/** The part of a name of ceph(8) after `client.`, limited to characters that are safe in arguments. */
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Checks a source of the type ceph-rbd. @throws ShapeError that names the key */
export function decodeCephRbdSource(source: Field): CephRbdSourceConfig {
  checkKeys(source, KEYS);
  return {
    type: 'ceph-rbd',
    pool: decodeName(member(source, 'pool')),
    ...optional('namespace', member(source, 'namespace'), decodeName),
    image: decodeName(member(source, 'image')),
    ...optional('user', member(source, 'user'), decodeUser),
    ...optional('conf', member(source, 'conf'), decodePath),
    ...optional('fullAlways', member(source, 'full-always'), decodeFlag),
    ...optional('timeout', member(source, 'timeout'), decodeTimeout),
    ...optional('sampleRuns', member(source, 'sample-runs'), decodeRuns),
    ...optional('format', member(source, 'format'), decodeFormat),
  };
}

function decodeUser(field: Field): string {
  return asText(field, 'the name of a user, without "client."', USER);
}

function decodePath(field: Field): string {
  return asText(field, 'the absolute path of a ceph.conf', /^\/[^\0]+$/);
}

function decodeName(field: Field): string {
  const expected = 'a name without / and @';
  const name = asText(field, expected);
  if (isRbdName(name)) return name;
  throw new ShapeError(field, expected);
}

function decodeTimeout(field: Field): string {
  const { value } = field;
  const text = typeof value === 'number' ? String(value) : asText(field, DURATION_EXPECTED);
  if (parseDuration(text) === undefined) throw new ShapeError(field, DURATION_EXPECTED);
  return text;
}
