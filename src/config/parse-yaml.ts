import {
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  type Event,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
} from 'js-yaml';

/** A position in a text; both numbers count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML document as plain values, with their positions in the text. */
export interface YamlDocument {
  readonly value: unknown;
  /** The position of the value or key at `path`; if it is missing, that of the nearest enclosing value. */
  locate(path: readonly string[], part: 'key' | 'value'): Position;
}

/** A text that is not one YAML document. */
export interface YamlProblem {
  readonly problem: string;
  readonly position: Position;
}

/** Limit of aliases in a document, as a defence against alias bombs. */
const MOST_ALIASES = 100;

/**
 * Parses YAML 1.2 (of which JSON is a subset). An empty text stands for null.
 *
 * @param maxAliases limit of aliases in the text
 */
export function parseYaml(text: string, maxAliases: number = MOST_ALIASES): YamlDocument | YamlProblem {
  try {
    const events = parseEvents(text, {});
    const options = { source: text, schema: CORE_SCHEMA, maxAliases };
    const [value = null, ...others] = constructFromEvents(events, options);
    if (others.length > 0) return { problem: 'there is more than one document', position: at(text) };
    return { value, locate: (path, part) => at(text, offsetOf(readPlaces(text, events), path, part)) };
  } catch (error) {
    return problemOf(error, text);
  }
}

/** The problem and its position, if js-yaml reports one. */
function problemOf(error: unknown, text: string): YamlProblem {
  if (error instanceof YAMLException)
    return { problem: error.reason, position: at(text, error.mark?.position) };
  return { problem: error instanceof Error ? error.message : String(error), position: at(text) };
}

/** Offsets in the text of a node and of its keys and values. */
interface Place {
  readonly offset: number;
  readonly entries: ReadonlyMap<string, { readonly keyOffset: number; readonly value: Place }>;
}

function offsetOf(outermost: Place, path: readonly string[], part: 'key' | 'value'): number {
  let place = outermost;
  for (const [depth, key] of path.entries()) {
    const entry = place.entries.get(key);
    if (!entry) break;
    if (part === 'key' && depth === path.length - 1) return entry.keyOffset;
    place = entry.value;
  }
  return place.offset;
}

/** Reads the positions from the parser's events, because plain values carry none. */
function readPlaces(text: string, [, ...events]: readonly Event[]): Place {
  const iterator = events.values();
  const next = (): Event => iterator.next().value ?? END;
  return readNode(text, next, next(), 0);
}

const END: Event = { type: EVENT_ID.POP };

/** @param vacancy offset to use for an empty node */
function readNode(text: string, next: () => Event, event: Event, vacancy: number): Place {
  const offset = startOf(event) ?? vacancy;
  const entries = new Map<string, { keyOffset: number; value: Place }>();
  if (event.type === EVENT_ID.SEQUENCE) {
    for (let item = next(); item.type !== EVENT_ID.POP; item = next()) {
      const value = readNode(text, next, item, offset);
      entries.set(String(entries.size), { keyOffset: value.offset, value });
    }
  }
  if (event.type === EVENT_ID.MAPPING) {
    for (let key = next(); key.type !== EVENT_ID.POP; key = next()) {
      const keyOffset = readNode(text, next, key, offset).offset;
      const value = readNode(text, next, next(), afterKey(text, key) ?? keyOffset);
      if (key.type === EVENT_ID.SCALAR) entries.set(getScalarValue(text, key), { keyOffset, value });
    }
  }
  return { offset, entries };
}

/** The offset of a node after its tag and anchor; undefined for an empty node. */
function startOf(event: Event): number | undefined {
  if ('start' in event) return event.start;
  if (event.type === EVENT_ID.ALIAS) return event.anchorStart - '*'.length;
  if (event.type !== EVENT_ID.SCALAR || event.valueStart < 0) return undefined;
  const { SINGLE_QUOTED, DOUBLE_QUOTED } = SCALAR_STYLE;
  const isQuoted = event.style === SINGLE_QUOTED || event.style === DOUBLE_QUOTED;
  return isQuoted ? event.valueStart - 1 : event.valueStart;
}

/** The offset after the colon that follows a key. */
function afterKey(text: string, key: Event): number | undefined {
  if (key.type !== EVENT_ID.SCALAR) return undefined;
  const colon = /["']?[ \t]*:/y;
  colon.lastIndex = key.valueEnd;
  return colon.test(text) ? colon.lastIndex : undefined;
}

function at(text: string, offset = 0): Position {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: lines.length, column: (lines.at(-1) ?? '').length + 1 };
}
