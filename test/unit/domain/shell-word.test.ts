import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { quoted } from '../../../src/domain/shell-word.ts';

it.each([
  '/srv/backy/web1',
  'rbd:rbd/web1',
  '',
  'a b',
  "it's",
  '$(reboot)',
  '`x`',
  '"',
  '\\',
  '-r',
  'a\nb',
  '*',
  'ü',
])('keeps %j one word of a shell', (text) => {
  expect(execFileSync('sh', ['-c', `printf %s ${quoted(text)}`], { encoding: 'utf8' })).toBe(text);
});

it('leaves ordinary paths readable', () => {
  expect(quoted('/srv/backy/web1')).toBe('/srv/backy/web1');
});
