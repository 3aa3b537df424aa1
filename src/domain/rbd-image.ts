/** The full name of an image in a Ceph cluster. */
export interface RbdImage {
  readonly pool: string;
  readonly namespace?: string;
  readonly image: string;
}

/** A name without separators (`/` and `@`) and without control characters. */
const NAME = /^[^/@\p{C}]{1,255}$/u;

/** The form of an image's name, for messages. */
export const RBD_IMAGE_EXPECTED = 'a pool and an image, such as rbd/web1, or rbd/namespace/web1';

/** Whether a text can be the name of a pool, a namespace or an image. */
export function isRbdName(text: string): boolean {
  return NAME.test(text);
}

/** The prefix of an image in a Ceph cluster as the target of a restore. */
export const RBD_PREFIX = 'rbd:';

/** Parses `POOL/IMAGE` or `POOL/NAMESPACE/IMAGE`. Returns undefined for any other text. */
export function parseRbdImage(text: string): RbdImage | undefined {
  const names = text.split('/');
  if (!names.every(isRbdName)) return undefined;
  const [pool = '', second = '', third] = names;
  if (names.length === 2) return { pool, image: second };
  return names.length === 3 && third !== undefined ? { pool, namespace: second, image: third } : undefined;
}

/** The name of an image as rbd(8) writes it. */
export function formatRbdImage({ pool, namespace, image }: RbdImage): string {
  return [pool, ...(namespace === undefined ? [] : [namespace]), image].join('/');
}
