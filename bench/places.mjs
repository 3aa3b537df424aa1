/** The places of measurement: filesystems on loop devices. */

/**
 * @typedef {object} Place
 * @property {'xfs' | 'btrfs'} filesystem
 * @property {'direct' | 'cached'} device whether the loop device goes past the host's page cache, or through it, as
 *   `mount -o loop` makes it
 */

/** @type {Place} */
export const XFS = { filesystem: 'xfs', device: 'direct' };
/** @type {Place} */
export const BTRFS = { filesystem: 'btrfs', device: 'direct' };
/** @type {Place} */
export const XFS_CACHED = { filesystem: 'xfs', device: 'cached' };
/** @type {Place} */
const BTRFS_CACHED = { filesystem: 'btrfs', device: 'cached' };

/** In the order in which they are measured. */
export const PLACES = [XFS, BTRFS, XFS_CACHED, BTRFS_CACHED];

/**
 * The places that sections ask for, each with those that do.
 * @param {Readonly<Record<string, { places: readonly Place[] }>>} sections by name
 * @param {{ filesystem?: readonly string[], device?: readonly string[] }} wanted instead of what the sections ask for
 * @returns {readonly { place: Place, names: readonly string[] }[]}
 */
export function planPlaces(sections, wanted) {
  for (const key of ['filesystem', 'device']) expectKnown(key, wanted[key] ?? []);
  const { filesystem = [XFS.filesystem], device = [XFS.device] } = wanted;
  const chosen = PLACES.filter(
    (place) => filesystem.includes(place.filesystem) && device.includes(place.device),
  );
  const isWanted = (section, place) =>
    (wanted.filesystem || wanted.device ? chosen : section.places).includes(place);
  return PLACES.map((place) => ({
    place,
    names: Object.keys(sections).filter((name) => isWanted(sections[name], place)),
  })).filter(({ names }) => names.length > 0);
}

function expectKnown(key, values) {
  const known = new Set(PLACES.map((place) => place[key]));
  const unknown = values.find((value) => !known.has(value));
  if (unknown) throw new Error(`--${key} cannot be ${unknown}; expected ${[...known].join(' or ')}`);
}

/** Describes a place above its figures. */
export function describePlace({ filesystem, device }) {
  const how = device === 'cached' ? 'through the page cache of the host' : 'with direct I/O';
  return `${filesystem}, on a loop device ${how}`;
}
