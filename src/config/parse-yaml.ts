import { type Document, isCollection, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';

/** A place in a text, both counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML document as plain values, which can tell where each of them stands. */
export interface YamlDocument {
  readonly value: unknown;
  /** The place of the value, or of the key, at `path`; of the nearest thing around it when it is missing. */
  locate(path: readonly string[], part: 'key' | 'value'): Position;
}

/** A text that is not YAML. */
export interface YamlProblem {
  readonly problem: string;
  readonly position: Position;
}

/** How many values aliases may stand for, against documents made to explode. */
const MOST_ALIASES = 100;

/** Parses YAML 1.2 (of which JSON is a subset). What YAML merely warns of, such as unknown tags, is a problem here. */
export function parseYaml(text: string): YamlDocument | YamlProblem {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    version: '1.2',
    schema: 'core',
  });
  const [flaw] = [...document.errors, ...document.warnings];
  if (flaw) return { problem: lowerFirst(flaw.message), position: at(lines, flaw.pos[0]) };
  try {
    const value: unknown = document.toJS({ maxAliasCount: MOST_ALIASES });
    return { value, locate: (path, part) => at(lines, offsetOf(document, path, part)) };
  } catch (error) {
    return {
      problem: lowerFirst(error instanceof Error ? error.message : String(error)),
      position: at(lines, 0),
    };
  }
}

function offsetOf(document: Document, path: readonly string[], part: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, key] of path.entries()) {
    const pair = isMap(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
      : undefined;
    const asksForKey = part === 'key' && depth === path.length - 1;
    node = pair ? pair.value : isCollection(node) ? node.get(Number(key), true) : undefined;
    const start = asksForKey ? startOf(pair?.key) : (startOf(node) ?? startOf(pair?.key));
    if (start === undefined) return offset;
    offset = start;
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function at(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
