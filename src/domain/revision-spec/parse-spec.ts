import { type BackyError, backyError } from '../../errors.ts';
import { looksLikeTime, parseTimeSpan } from '../time-span.ts';
import {
  ATTRIBUTE_NAMES,
  FUNCTION_NAMES,
  type FunctionName,
  type RangeEnd,
  SET_NAMES,
  type Spec,
  shorten,
  TRUSTS,
} from './spec.ts';
import { type Delimiter, type Token, tokenize } from './tokens.ts';

/** Limit of nested parentheses, which protects the stack. */
const DEEPEST_NESTING = 100;

/**
 * Parses a revision spec. In order of rising precedence: `,`, `&`, `..`, then functions, parentheses and words.
 *
 * @throws BACKY_REVISION_SPEC_INVALID with the column
 */
export function parseSpec(text: string): Spec {
  const reader = createReader(text);
  const spec = parseUnion(reader, 0);
  if (reader.next().type !== 'end') throw reader.expected('"," or "&" or the end');
  return spec;
}

/** The remaining tokens. */
interface Reader {
  /** The next token, without consuming it. */
  next(): Token;
  /** Consumes the next token if it has the type. Returns whether it did. */
  skip(type: Token['type']): boolean;
  /** The error for an unexpected `token`, by default the next one. */
  expected(what: string, token?: Token): BackyError;
}

function createReader(text: string): Reader {
  const tokens = tokenize(text);
  const end: Token = { type: 'end', text: '', column: text.length + 1 };
  let position = 0;
  const next = (): Token => tokens[position] ?? end;
  return {
    next,
    skip: (type) => {
      const isNext = next().type === type;
      if (isNext) position += 1;
      return isNext;
    },
    expected: (expected, { type, text: found, column } = next()) =>
      backyError('BACKY_REVISION_SPEC_INVALID', {
        spec: shorten(text),
        column,
        found: type === 'end' ? 'the end' : `"${shorten(found)}"`,
        expected,
      }),
  };
}

function parseUnion(reader: Reader, depth: number): Spec {
  return parseList(reader, ',', 'union', () => parseIntersection(reader, depth));
}

function parseIntersection(reader: Reader, depth: number): Spec {
  return parseList(reader, '&', 'intersection', () => parseRange(reader, depth));
}

function parseList(
  reader: Reader,
  delimiter: Delimiter,
  kind: 'union' | 'intersection',
  parsePart: () => Spec,
): Spec {
  const first = parsePart();
  const parts = [first];
  while (reader.skip(delimiter)) parts.push(parsePart());
  return parts.length === 1 ? first : { kind, parts };
}

function parseRange(reader: Reader, depth: number): Spec {
  const start = reader.next();
  const from = start.type === '..' ? undefined : parseTerm(reader, depth);
  if (from && reader.next().type !== '..') return from;
  reader.skip('..');
  const end = reader.next();
  const to = end.type === 'word' || end.type === '(' ? parseTerm(reader, depth) : undefined;
  return { kind: 'range', from: toRangeEnd(reader, from, start), to: toRangeEnd(reader, to, end) };
}

/** Turns a word that looks like a time into one. Times are allowed only at the ends of a range. */
function toRangeEnd(reader: Reader, spec: Spec | undefined, token: Token): RangeEnd | undefined {
  if (spec?.kind !== 'word' || !looksLikeTime(spec.word)) return spec;
  if (parseTimeSpan(spec.word)) return { kind: 'time', text: spec.word };
  throw reader.expected('a date or time such as 2026-01-31 or 2026-01-31T04:05:06Z', token);
}

function parseTerm(reader: Reader, depth: number): Spec {
  const token = reader.next();
  if (reader.skip('(')) return parseRest(reader, depth);
  if (!reader.skip('word')) throw reader.expected('a revision');
  if (reader.next().type !== '(') return parseWord(reader, token);
  const name = FUNCTION_NAMES.find((each) => each === token.text);
  if (!name) throw reader.expected(`one of ${FUNCTION_NAMES.join(', ')} before "("`, token);
  return parseCall(reader, depth, name);
}

function parseCall(reader: Reader, depth: number, name: FunctionName): Spec {
  reader.skip('(');
  return { kind: 'call', name, of: parseRest(reader, depth) };
}

/** Parses the rest of a parenthesized spec, after the opening parenthesis. */
function parseRest(reader: Reader, depth: number): Spec {
  if (depth >= DEEPEST_NESTING) throw reader.expected(`at most ${DEEPEST_NESTING} nested parentheses`);
  const spec = parseUnion(reader, depth + 1);
  if (!reader.skip(')')) throw reader.expected('")"');
  return spec;
}

function parseWord(reader: Reader, token: Token): Spec {
  const word = token.text;
  const set = SET_NAMES.find((name) => name === word);
  if (set) return { kind: 'set', name: set };
  const attribute = ATTRIBUTE_NAMES.find((name) => word.startsWith(`${name}:`));
  if (!attribute) return { kind: 'word', word };
  const value = word.slice(attribute.length + 1).trim();
  if (value === '') throw reader.expected(`a value after "${attribute}:"`, token);
  const isTrust = TRUSTS.some((trust) => trust === value);
  if (attribute === 'trust' && !isTrust)
    throw reader.expected(`one of ${TRUSTS.map((trust) => `trust:${trust}`).join(', ')}`, token);
  return { kind: 'attribute', name: attribute, value };
}
