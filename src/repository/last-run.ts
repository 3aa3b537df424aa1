import { RUN_OUTCOMES, type Run, type RunNote } from '../domain/run-note.ts';
import {
  asList,
  asOneOf,
  asText,
  asWholeNumber,
  type Field,
  member,
  root,
  ShapeError,
} from '../domain/shape.ts';
import { isNodeError } from '../io-error.ts';
import { readPlainFile } from '../plain-file.ts';
import type { Layout } from './layout.ts';
import { replaceSmallFile } from './replace-file.ts';

const FORMAT_VERSION = 1;

/** Reads the note about the last run. @returns undefined when it is absent or cannot be read */
export function readLastRun({ lastRun }: Layout): RunNote | undefined {
  try {
    const note = root(JSON.parse(readPlainFile(lastRun).toString()));
    const lastFailure = member(note, 'lastFailure');
    return {
      ...decodeRun(note),
      failures: asWholeNumber(member(note, 'failures'), 'a number'),
      lastFailure: lastFailure.value === null ? null : decodeRun(lastFailure),
    };
  } catch (error) {
    if (isNodeError(error) || error instanceof SyntaxError || error instanceof ShapeError) return undefined;
    throw error;
  }
}

/**
 * Replaces the note about the last run atomically, but not durably: a power cut may lose both notes. It works without
 * the engine, because a run may have failed to load it.
 *
 * @throws the errors of Node
 */
export function writeLastRun({ lastRun }: Layout, note: RunNote): void {
  replaceSmallFile(lastRun, `${JSON.stringify({ formatVersion: FORMAT_VERSION, ...note }, null, 2)}\n`);
}

function decodeRun(run: Field): Run {
  return {
    started: decodeTime(member(run, 'started')),
    ended: orNull(member(run, 'ended'), decodeTime),
    outcome: asOneOf(member(run, 'outcome'), RUN_OUTCOMES),
    slot: orNull(member(run, 'slot'), decodeTime),
    tags: asList(member(run, 'tags'), 'a list of tags').map((tag) => asText(tag, 'a tag')),
    code: orNull(member(run, 'code'), (code) => asText(code, 'the code of an error')),
    message: orNull(member(run, 'message'), (message) => asText(message, 'a text')),
  };
}

function decodeTime(field: Field): string {
  const text = asText(field, 'a time');
  if (Number.isNaN(Date.parse(text))) throw new ShapeError(field, 'a time');
  return text;
}

function orNull<Value>(field: Field, decode: (field: Field) => Value): Value | null {
  return field.value === null ? null : decode(field);
}
