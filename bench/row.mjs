/** One line of a table: figures, and the goal they are measured by. */

const MIB = 2 ** 20;

/** @typedef {{ most: number } | { least: number }} Goal */
/**
 * @typedef {object} Row
 * @property {string} operation what backy did
 * @property {string} against what it is compared with
 * @property {readonly number[]} figures one per round; their median counts
 * @property {'×' | 'MiB' | 'µs'} unit × is a ratio
 * @property {Goal | undefined} goal none where the figure only explains another
 * @property {readonly import('./measure.mjs').Cost[]} [backy]
 * @property {readonly import('./measure.mjs').Cost[]} [peer]
 */
/** @typedef {{ peer: import('./measure.mjs').Cost, backy: import('./measure.mjs').Cost }} Pair */

/**
 * Wall time of backy over that of the peer in the same round.
 * @param {readonly Pair[]} pairs
 * @returns {Row}
 */
export function timeRow(operation, against, most, pairs) {
  const figures = pairs.map(({ backy, peer }) => backy.wallS / peer.wallS);
  const costs = { backy: pairs.map((pair) => pair.backy), peer: pairs.map((pair) => pair.peer) };
  return {
    operation,
    against,
    figures,
    unit: '×',
    goal: most === undefined ? undefined : { most },
    ...costs,
  };
}

/**
 * The time of the peer divided by that of backy.
 * @param {readonly Pair[]} pairs
 * @returns {Row}
 */
export function fasterRow(operation, against, least, pairs) {
  const figures = pairs.map(({ backy, peer }) => peer.wallS / backy.wallS);
  return { ...timeRow(operation, against, undefined, pairs), figures, goal: { least } };
}

/**
 * Bytes written over bytes that had to be written.
 * @param {{ changedBytes: number, zeroedBytes: number }} changes
 * @param {readonly number[]} written
 * @returns {Row}
 */
export function bytesRow(operation, { changedBytes, zeroedBytes }, most, written) {
  const [changed, zeroed] = [changedBytes, zeroedBytes].map((bytes) => (bytes / MIB).toFixed(1));
  const against = `${changed} MiB in 4 KiB pages that changed (${zeroed} MiB became zeros)`;
  return {
    operation,
    against,
    figures: written.map((bytes) => bytes / changedBytes),
    unit: '×',
    goal: { most },
  };
}

/**
 * The largest resident set of several processes.
 * @param {readonly import('./measure.mjs').Cost[]} costs
 * @returns {Row}
 */
export function memoryRow(operation, against, most, costs) {
  const peakMiB = Math.max(...costs.map((cost) => cost.peakMiB));
  return { operation, against, figures: [peakMiB], unit: 'MiB', goal: { most } };
}
