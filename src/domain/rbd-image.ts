/** An image of a Ceph cluster, by the names of its pool, of the namespace in it if there is one, and of itself. */
export interface RbdImage {
  readonly pool: string;
  readonly namespace?: string;
  readonly image: string;
}

/** What separates names from each other and from snapshots cannot be in them; nor can what no person types. */
const NAME = /^[^/@\p{C}]{1,255}$/u;

/** What the name of an image looks like, for messages. */
export const RBD_IMAGE_EXPECTED = 'a pool and an image, such as rbd/web1, or rbd/namespace/web1';

/** Whether a text can be the name of a pool, a namespace or an image. */
export function isRbdName(text: string): boolean {
  return NAME.test(text);
}

/** Begins the names of images of a Ceph cluster as targets of a restore. */
export const RBD_PREFIX = 'rbd:';

/** Reads `POOL/IMAGE` or `POOL/NAMESPACE/IMAGE`; undefined when it is neither. */
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
