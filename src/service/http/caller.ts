import { createHash, timingSafeEqual } from 'node:crypto';
import type { ApiConfig, Role, TokenOwner } from '../model/service-config.ts';

/** The listener that a request came in by: the permissions of a socket stand for the role, TCP takes tokens. */
export type Listener = 'api-socket' | 'status-socket' | 'tcp';

const ROLES: readonly Role[] = ['read', 'operate', 'admin'];

/**
 * The caller of a request; undefined for one that may not come in.
 *
 * @param authorization the header of that name
 */
export function callerOf(
  listener: Listener,
  authorization: string | undefined,
  { tokens }: Pick<ApiConfig, 'tokens'>,
): TokenOwner | undefined {
  if (listener === 'api-socket') return { name: 'api socket', role: 'admin' };
  if (listener === 'status-socket') return { name: 'status socket', role: 'read' };
  const [, token] = /^Bearer ([\x21-\x7e]{1,512})$/.exec(authorization ?? '') ?? [];
  return token === undefined ? undefined : ownerOf(token, tokens);
}

/** Whether a role may do what another one may. */
export function mayAct(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** Looks at every token, so that the time says nothing about them. */
function ownerOf(token: string, tokens: ReadonlyMap<string, TokenOwner>): TokenOwner | undefined {
  const digest = createHash('sha256').update(token).digest();
  let owner: TokenOwner | undefined;
  for (const [known, candidate] of tokens) {
    if (timingSafeEqual(Buffer.from(known, 'hex'), digest)) owner = candidate;
  }
  return owner;
}
