import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' });
const documents = files.split('\n').filter((path) => path !== '' && !path.startsWith('test/fixtures/'));
const read = (path) => readFileSync(join(root, path), 'utf8');

/** The lines of prose: no code, no tables, and nothing that has no space to break it at. */
function proseOf(text) {
  const lines = text.replace(/^```[\s\S]*?^```/gm, '').split('\n');
  return lines.filter((line) => !/^( {4}|\||<!--)/.test(line) && / \S/.test(line.slice(4)));
}

/** Written from texts and figures by bench/page.mjs. */
const WRITTEN_ELSEWHERE = ['bench/README.md'];

describe.each(documents)('%s', (path) => {
  it.skipIf(WRITTEN_ELSEWHERE.includes(path))('wraps at 100 columns', () => {
    expect(proseOf(read(path)).filter((line) => line.length > 100)).toEqual([]);
  });

  it('links to files that are there', () => {
    const links = [...read(path).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(([, link]) => link);
    expect(links.filter((link) => !existsSync(join(root, dirname(path), link)))).toEqual([]);
  });
});

describe('the decisions', () => {
  const pages = documents.filter((path) => /^docs\/adr\/\d/.test(path));

  it('have one page each: context, decision, consequence', () => {
    expect(pages.length).toBeGreaterThan(30);
    for (const path of pages)
      expect(read(path).match(/^#.*/gm), path).toEqual([
        expect.stringMatching(/^# /),
        '## Context',
        '## Decision',
        '## Consequence',
      ]);
  });

  it('are listed in the order of their numbers', () => {
    const listed = [...read('docs/adr/README.md').matchAll(/\]\((\d[^)]+)\)/g)].map(([, name]) => name);
    expect(listed).toEqual(pages.map((path) => path.replace('docs/adr/', '')));
  });
});

describe('the numbers of invariants and faults', () => {
  const listed = [...read('docs/reference/reliability.md').matchAll(/^\| ([IF]\d+) \|/gm)].map(
    ([, id]) => id,
  );
  const sources = execFileSync('git', ['ls-files', 'test/*.ts', 'test/*.mjs', 'crates/*.rs'], {
    cwd: root,
    encoding: 'utf8',
  });
  const text = sources
    .trim()
    .split('\n')
    .filter((path) => existsSync(join(root, path)))
    .map(read)
    .join('\n');
  const quoted = new Set([...text.matchAll(/\b[IF]\d{1,2}\b/g)].map(([id]) => id));

  it('are explained wherever a test quotes one', () => {
    expect([...quoted].filter((id) => !listed.includes(id)).sort()).toEqual([]);
  });

  it('are each quoted by a test', () => {
    expect(listed.length).toBeGreaterThan(30);
    expect(listed.filter((id) => !quoted.has(id))).toEqual([]);
  });
});
