import { describe, expect, it } from 'vitest';
import { checkTags, isTag, splitTags } from '../../../src/domain/tags.ts';

const schedule = new Map(['daily', 'weekly'].map((tag) => [tag, { intervalMs: 1, keep: 1 }]));

describe('checkTags', () => {
  it('takes tags of the schedule and manual ones, each once', () => {
    expect(checkTags(['daily', 'manual:x', 'daily'], schedule)).toEqual(['daily', 'manual:x']);
  });

  it('proposes the nearest tag', () => {
    const attempt = (): unknown => checkTags(['dialy'], schedule);
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'BACKY_TAG_UNKNOWN', remedy: expect.stringContaining('"daily"') }),
    );
  });

  it('lists the tags where none is near', () => {
    const attempt = (): unknown => checkTags(['archive'], schedule);
    expect(attempt).toThrow(expect.objectContaining({ remedy: expect.stringContaining('daily, weekly') }));
  });

  it('takes any tag without a schedule, but nothing that is none', () => {
    expect(checkTags(['archive'])).toEqual(['archive']);
    expect(() => checkTags(['a b'])).toThrow(expect.objectContaining({ code: 'BACKY_TAG_INVALID' }));
  });

  it('does not take words of JavaScript for tags of the schedule', () => {
    for (const tag of ['constructor', 'toString', 'hasOwnProperty']) {
      expect(() => checkTags([tag], schedule)).toThrow(
        expect.objectContaining({ code: 'BACKY_TAG_UNKNOWN' }),
      );
    }
  });
});

describe('isTag', () => {
  it.each(['daily', 'manual:2026.01_x-y', '7', 'a'.repeat(64)])('takes %s', (text) => {
    expect(isTag(text)).toBe(true);
  });

  it.each(['', '-rf', ':x', '.x', 'a,b', 'a b', 'a\n', 'ä', '__proto__', 'a'.repeat(65), '\u202eylkeew'])(
    'refuses %j',
    (text) => {
      expect(isTag(text)).toBe(false);
    },
  );
});

it('splits lists', () => {
  expect(splitTags('daily, weekly')).toEqual(['daily', 'weekly']);
  expect(splitTags('')).toEqual(['']);
});
