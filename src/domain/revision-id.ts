const ID = /^[0-9A-Za-z][0-9A-Za-z-]{18,35}$/;
const OWN_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** A UUID of version 7, or of the versions 1 and 4, which the Python backy used in 2014. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** An id of the library shortuuid, which avoids characters that look alike. */
const SHORT_UUID = /^[2-9A-HJ-NP-Za-km-z]{22}$/;

/**
 * Whether a text is the id of a revision, in any form that backy ever used. Every id from a disk or a person passes this
 * check before it becomes part of a path.
 */
export function isRevisionId(text: string): boolean {
  return ID.test(text);
}

/** Whether an id has the form that this backy gives to its revisions. */
export function isOwnRevisionId(text: string): boolean {
  return OWN_ID.test(text);
}

/**
 * Whether a name is clearly the id of a revision, of this backy or the Python backy. `isRevisionId` also accepts names
 * that people give to their files.
 */
export function looksLikeRevisionId(text: string): boolean {
  return UUID.test(text) || SHORT_UUID.test(text);
}

/** The time in an id of the form that this backy gives, in milliseconds since 1970; undefined for any other. */
export function timeOfRevisionId(id: string): number | undefined {
  return isOwnRevisionId(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}

/**
 * Makes an id (RFC 9562 version 7): 48 bits of milliseconds, then 74 random bits, so that names sort by age.
 *
 * @param now time of the backup
 * @param random 10 random bytes
 */
export function newRevisionId(now: Date, random: Uint8Array): string {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(now.getTime()) << 16n);
  bytes.set(random.subarray(0, 10), 6);
  view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f));
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
