/** The sections of the benchmark, in the order of the page. */
import * as again from './again.mjs';
import * as cold from './cold.mjs';
import * as first from './first.mjs';
import * as peers from './peers.mjs';
import * as reading from './reading.mjs';
import * as restore from './restore.mjs';
import * as revisions from './revisions.mjs';
import * as scale from './scale.mjs';
import * as series from './series.mjs';
import * as snapshot from './snapshot.mjs';
import * as startup from './startup.mjs';
import * as threads from './threads.mjs';
import * as verify from './verify.mjs';

/**
 * @typedef {object} Section
 * @property {string} title its heading
 * @property {string} about what a reader of its figures must know, in Markdown
 * @property {readonly import('../places.mjs').Place[]} places where it is measured unless somebody asks for others
 * @property {(bench: import('../main.mjs').Bench) => Promise<string>} figures measures, and returns its results, in Markdown
 */

/** @type {Readonly<Record<string, Section>>} */
export const SECTIONS = {
  first,
  again,
  snapshot,
  verify,
  series,
  restore,
  peers,
  cold,
  scale,
  threads,
  revisions,
  startup,
  reading,
};
