import { createHash } from 'node:crypto';
import { checkKeys } from '../../config/check-keys.ts';
import {
  asList,
  asObject,
  asOneOf,
  asText,
  type Field,
  isObject,
  member,
  ShapeError,
} from '../../domain/shape.ts';
import type { ApiConfig, Role, TokenOwner } from '../model/service-config.ts';
import { decodePath } from './decode-setting.ts';
import { checkKeysWithWarnings } from './old-keys.ts';

const ROLES: readonly Role[] = ['read', 'operate', 'admin'];
const SHA256 = /^[0-9a-f]{64}$/;
const LISTEN = 'the path of a socket, or HOST:PORT, or a list of these';

/**
 * Checks `api`. Tokens are known by their SHA-256. The Python backy has tokens in clear; each is hashed at once.
 *
 * @throws ShapeError
 */
export function decodeApi(api: Field, baseDirectory: string, warnings: string[]): ApiConfig {
  checkKeysWithWarnings(api, ['listen', 'status-socket', 'tokens'], warnings);
  const listen = member(api, 'listen');
  const places =
    listen.value === undefined ? [] : Array.isArray(listen.value) ? asList(listen, LISTEN) : [listen];
  const texts = places.map((place) => ({ place, text: asText(place, LISTEN, /^[^\0\s]+$/) }));
  const sockets = texts.filter(({ text }) => text.startsWith('/'));
  if (sockets.length > 1) throw new ShapeError(listen, 'one socket at most');
  const socket = sockets[0] ? decodePath(sockets[0].place) : `${baseDirectory}/.api.sock`;
  const statusSocket = member(api, 'status-socket');
  return {
    socket,
    statusSocket: statusSocket.value === undefined ? besides(socket) : decodePath(statusSocket),
    addresses: texts
      .filter(({ text }) => !text.startsWith('/'))
      .map(({ place, text }) => decodeAddress(place, text)),
    tokens: decodeTokens(member(api, 'tokens'), warnings),
  };
}

function besides(socket: string): string {
  return socket.replace(/[^/]*$/, (name) => (name.startsWith('.') ? '.status.sock' : 'status.sock'));
}

function decodeAddress(field: Field, text: string): ApiConfig['addresses'][number] {
  const [, host = '', digits = ''] = /^\[?([0-9A-Za-z.:-]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === '' || port < 1 || port > 65_535) throw new ShapeError(field, LISTEN);
  return { host, port };
}

function decodeTokens(field: Field, warnings: string[]): ReadonlyMap<string, TokenOwner> {
  if (field.value === undefined || field.value === null) return new Map();
  const tokens = Object.keys(asObject(field, 'owners by the SHA-256 of their tokens'));
  return new Map(
    tokens.map((token, index): [string, TokenOwner] => {
      const owner = member(field, token);
      if (SHA256.test(token) && isObject(owner.value)) return [token, decodeOwner(owner)];
      const place = { path: [...field.path, '(a token)'], value: owner.value };
      if (typeof owner.value !== 'string')
        throw new ShapeError(
          { ...place, value: 'a token' },
          'the SHA-256 of a token, with its name and role',
        );
      warnings.push(
        `api.tokens has token ${index + 1} in clear text: put its SHA-256 there, with a name and a role`,
      );
      return [createHash('sha256').update(token).digest('hex'), { name: owner.value, role: 'operate' }];
    }),
  );
}

function decodeOwner(owner: Field): TokenOwner {
  checkKeys(owner, ['name', 'role']);
  return {
    name: asText(member(owner, 'name'), 'a name', /^[\w.@-]{1,64}$/),
    role: asOneOf(member(owner, 'role'), ROLES),
  };
}
