/** One line of the table: figures and the goal they shall not exceed. */

const PEAK_GOAL_MIB = 128;

/**
 * @typedef {object} Row
 * @property {string} operation what backy did
 * @property {string} against what it is compared with
 * @property {readonly number[]} figures one per round
 * @property {'ratio' | 'MiB'} unit
 * @property {number | undefined} goal none where the figure only explains another
 * @property {readonly import('./measure.mjs').Cost[]} [backy]
 * @property {readonly import('./measure.mjs').Cost[]} [peer]
 */

/**
 * Wall time of backy over that of the peer that ran right before it.
 * @param {readonly import('./measure.mjs').Pair[]} pairs
 * @returns {Row}
 */
export function timeRow(operation, against, goal, pairs) {
  return {
    operation,
    against,
    figures: pairs.map((pair) => pair.backy.wallS / pair.peer.wallS),
    unit: 'ratio',
    goal,
    backy: pairs.map((pair) => pair.backy),
    peer: pairs.map((pair) => pair.peer),
  };
}

/**
 * Bytes written over bytes that had to be written.
 * @param {readonly number[]} written
 * @returns {Row}
 */
export function bytesRow(operation, { changedBytes, zeroedBytes }, written) {
  const [changed, zeroed] = [changedBytes, zeroedBytes].map((bytes) => (bytes / 2 ** 20).toFixed(1));
  return {
    operation,
    against: `${changed} MiB in 4 KiB pages that changed (${zeroed} MiB became zeros)`,
    figures: written.map((bytes) => bytes / changedBytes),
    unit: 'ratio',
    goal: 1.5,
  };
}

/**
 * The largest resident set of several processes.
 * @param {readonly import('./measure.mjs').Cost[]} costs
 * @returns {Row}
 */
export function memoryRow(operation, against, costs) {
  const peakMiB = Math.max(...costs.map((cost) => cost.peakMiB));
  return { operation, against, figures: [peakMiB], unit: 'MiB', goal: PEAK_GOAL_MIB };
}
