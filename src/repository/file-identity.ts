import type { FileIdentity } from '../domain/file-identity.ts';
import { asText, type Field, member } from '../domain/shape.ts';

/** Reads the identity of a file from JSON. @throws ShapeError */
export function parseFileIdentity(identity: Field): FileIdentity {
  const number = (key: string): string => asText(member(identity, key), 'a number', /^\d{1,30}$/);
  const { device, inode } = { device: number('device'), inode: number('inode') };
  return member(identity, 'birth').value === undefined
    ? { device, inode }
    : { device, inode, birth: number('birth') };
}
