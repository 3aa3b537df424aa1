import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BackyError, backyError, errorTable, isBackyError } from '../../src/errors.ts';

const ROOT = resolve(import.meta.dirname, '../..');

describe('the table of errors', () => {
  it.each([...errorTable()])(
    '%s says what failed and what to do, and leaves the full stop to others',
    (code, text) => {
      expect(code).toMatch(/^BACKY(_[A-Z]+)+$/);
      for (const words of [text.message, text.remedy])
        expect(words).toMatch(/^(\{\w+\}$|(["{A-Z]|backy\b).*[^.\s]$)/);
    },
  );

  it('has every code that the engine can give, and no more words for them than it needs', () => {
    const engine = readFileSync(join(ROOT, 'crates/backy-core/src/error.rs'), 'utf8');
    const codes = engine.match(/BACKY_[A-Z_]+/g) ?? [];
    expect(codes.length).toBeGreaterThan(10);
    expect([...errorTable().keys()]).toEqual(expect.arrayContaining(codes));
  });

  it('has no code that nothing gives', () => {
    const source = join(ROOT, 'src');
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const texts = files
      .filter((name) => name !== 'errors.ts')
      .map((name) => readFileSync(join(source, name), 'utf8'));
    const isGiven = (code: string): boolean => texts.some((text) => text.includes(`'${code}'`));
    expect([...errorTable().keys()].filter((code) => !isGiven(code))).toEqual([]);
  });
});

describe('backyError', () => {
  const cause = new Error('the cause');
  const error = backyError('BACKY_CONFIG_EXISTS', { path: '/a {b} $& $1' }, { cause, details: { extra: 1 } });

  it('fills in the facts as they are', () => {
    expect(error.message).toBe('/a {b} $& $1 exists already');
    expect(error).toBeInstanceOf(BackyError);
  });

  it('keeps facts, details and cause', () => {
    expect(error).toMatchObject({
      code: 'BACKY_CONFIG_EXISTS',
      details: { path: '/a {b} $& $1', extra: 1 },
      cause,
    });
  });

  it('fills in a fact only once: facts are no templates', () => {
    const twice = backyError('BACKY_SOURCE_TYPE_UNKNOWN', { type: '{known}', known: 'file' });
    expect(twice.message).toBe('There is no source type "{known}"');
  });
});

it('tells our errors from others, and by code', () => {
  const error = backyError('BACKY_SOURCE_KIND', { path: '/x' });
  expect(isBackyError(error)).toBe(true);
  expect(isBackyError(error, 'BACKY_IO', 'BACKY_SOURCE_KIND')).toBe(true);
  expect(isBackyError(error, 'BACKY_IO')).toBe(false);
  expect(isBackyError(new Error('BACKY_IO'))).toBe(false);
  expect(isBackyError(undefined)).toBe(false);
});
